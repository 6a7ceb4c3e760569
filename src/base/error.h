// base/ holds what every module needs: errors, settings, files, hashes, random numbers, progress.
#pragma once

#include <filesystem>
#include <stdexcept>
#include <string>

namespace tessera {

/// Bad input or bad usage: the message is one line that a user can act on. Ends a command with exit
/// code 2.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Bad input in a file: names the file, the field, what was found and what was expected.
class FileError : public Error {
 public:
  FileError(const std::filesystem::path& path, const std::string& problem);
  FileError(const std::filesystem::path& path, const std::string& field, const std::string& found,
            const std::string& expected);
};

/// An option of the command line is wrong. The message begins with its name; the program adds whose
/// --help says more.
class UsageError : public Error {
 public:
  using Error::Error;
};

/// The user pressed Ctrl-C; what was under way has been saved. Ends a command with exit code 130.
class Interrupted : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Prints where a promise inside the program was broken, then aborts.
[[noreturn]] void broken_promise(const char* condition, const char* file, int line);

}  // namespace tessera

/// Checks a promise between our own functions; bad input is an Error instead.
#define TESSERA_CHECK(condition) \
  ((condition) ? void(0) : ::tessera::broken_promise(#condition, __FILE__, __LINE__))
