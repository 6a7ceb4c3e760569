#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string>

#include "base/error.h"

namespace tessera {

/// Throws Error naming the argument when it is NULL.
inline void require(const void* argument, const char* name) {
  if (argument == nullptr) throw Error(std::string(name) + " is NULL, expected one");
}

/// Throws Error unless `given`, a struct whose first field is its size, is one that this library
/// knows: of this version, or of an earlier one that had fewer fields.
template <typename Struct>
void require_known_size(const Struct* given, const char* name) {
  require(given, name);
  if (given->size < sizeof given->size || given->size > sizeof(Struct))
    throw Error(std::string(name) + ".size is " + std::to_string(given->size) +
                ", expected at most " + std::to_string(sizeof(Struct)) +
                ": begin with the _INIT macro of this library's tessera.h");
}

/// A copy in which the fields that an earlier version did not have are those of `defaults`.
template <typename Struct>
Struct read_struct(const Struct* given, Struct defaults, const char* name) {
  require_known_size(given, name);
  std::memcpy(&defaults, given, given->size);
  return defaults;
}

/// Fills in as many fields as the caller's version has.
template <typename Struct>
void write_struct(Struct values, Struct* given, const char* name) {
  require_known_size(given, name);
  values.size = given->size;
  std::memcpy(given, &values, given->size);
}

}  // namespace tessera
