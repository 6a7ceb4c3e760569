#include "base/toml_compat.h"

#include <stdexcept>
#include <string_view>

namespace tessera {
namespace {

// toml11 explains itself over many lines with a drawing; we want the first line and the place.
std::string first_line(const std::string& text) {
  std::string line = text.substr(0, text.find('\n'));
  for (const std::string_view prefix : {"[error] ", "toml::", "parse_", "detail::"})
    if (line.starts_with(prefix)) line.erase(0, prefix.size());
  return line;
}

[[noreturn]] void refuse(const std::string& path, std::size_t line, const std::string& text) {
  // Version 3 clips such a number instead.
  for (const char* out_of_range : {"too large", "failed to read"})
    if (text.find(out_of_range) != std::string::npos)
      throw FileError(path, "holds a number out of range in line " + std::to_string(line));
  throw FileError(path, "line " + std::to_string(line) + " is not TOML: " + first_line(text));
}

}  // namespace

toml::value parse_toml_value(const std::string& text, const std::string& path) {
  std::istringstream stream(text);
  try {
    return toml::parse(stream, path);
#if TOML11_VERSION_MAJOR >= 4
  } catch (const toml::syntax_error& error) {
    const auto& first = error.errors().at(0);
    refuse(path, first.locations().empty() ? 1 : first.locations()[0].first.first_line_number(),
           first.title());
#else
  } catch (const toml::exception& error) {
    refuse(path, error.location().line(), error.what());
#endif
  } catch (const std::out_of_range&) {
    throw FileError(path, "holds a number out of range");
  }
}

}  // namespace tessera
