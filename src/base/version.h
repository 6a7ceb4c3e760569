#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

namespace tessera {

extern const char* const kVersion;  ///< release number, "0.1.0"
extern const char* const kCommit;   ///< git description of the source it was built from

/// What made an artefact: {"program": "tessera 0.1.0", "commit": ..., "seed": ...}.
nlohmann::json made_by(std::uint64_t seed);

}  // namespace tessera
