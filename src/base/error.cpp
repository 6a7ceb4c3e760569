#include "base/error.h"

#include <cstdio>
#include <cstdlib>

namespace tessera {

FileError::FileError(const std::filesystem::path& path, const std::string& problem)
    : Error(path.string() + ": " + problem) {}

FileError::FileError(const std::filesystem::path& path, const std::string& field,
                     const std::string& found, const std::string& expected)
    : Error(path.string() + ": " + field + " is " + found + ", expected " + expected) {}

void broken_promise(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: broken promise: %s\n", file, line, condition);
  std::abort();
}

}  // namespace tessera
