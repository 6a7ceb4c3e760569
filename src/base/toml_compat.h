// What differs between toml11 3 (Debian 12) and 4 (Debian 13).
#pragma once

#include <sstream>
#include <string>
#include <toml.hpp>

#include "base/error.h"

namespace tessera {

/// Parses TOML. Throws FileError naming `path`, the line and what is wrong with it.
toml::value parse_toml_value(const std::string& text, const std::string& path);

inline const std::string& toml_string(const toml::value& value) {
#if TOML11_VERSION_MAJOR >= 4
  return value.as_string();
#else
  return value.as_string().str;
#endif
}

}  // namespace tessera
