#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <ostream>
#include <string>
#include <string_view>

namespace tessera {

namespace fs = std::filesystem;

/// Writes a file whole or not at all (OutputFile): readers see the old file or the new one, links
/// are followed, devices and pipes are written directly. Throws FileError with the system's reason.
void write_file(const fs::path& path, std::string_view bytes);
void write_file(const fs::path& path, const std::function<void(std::ostream&)>& write);

/// The whole file as bytes; FileError if it cannot be read or is larger than `limit` bytes.
std::string read_file(const fs::path& path, std::size_t limit = std::size_t{1} << 32);

/// JSON as text, on one line unless indented. Invalid UTF-8, which names of files may hold, is
/// replaced.
std::string json_text(const nlohmann::json& json, int indent = -1);

/// A JSON file; FileError with the byte position when it is not JSON.
nlohmann::json read_json(const fs::path& path);
void write_json(const fs::path& path, const nlohmann::json& json);

/// Results of a command: "-" is standard output, empty is nowhere. Throws FileError if they cannot
/// be written.
void write_results(const std::string& destination, const nlohmann::json& json);

/// SHA-256 as 64 hexadecimal digits.
std::string sha256(std::string_view bytes);
std::string sha256_file(const fs::path& path);

}  // namespace tessera
