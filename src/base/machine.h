#pragma once

#include <cstdint>
#include <string>

namespace tessera {

/// The processor's name as the system gives it, for benchmarks.
std::string processor_name();

/// The most memory that this process has had resident so far, in bytes.
std::int64_t peak_resident_bytes();

}  // namespace tessera
