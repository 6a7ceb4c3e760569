#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <ostream>
#include <string>
#include <string_view>

namespace tessera {

namespace fs = std::filesystem;

/// A name beside `path` that no other process, on this machine or another, is using: what is
/// written there is renamed to `path` when it is whole.
fs::path partial_path(const fs::path& path);

/// Writes a file beside its place, syncs it and renames it, so that readers see the old file or the
/// whole new one. Throws FileError when the disk is full or the place cannot be written; the
/// partial file is then removed.
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

/// Results of a command: "-" is standard output, empty is nowhere.
void write_results(const std::string& destination, const nlohmann::json& json);

/// SHA-256 as 64 hexadecimal digits.
std::string sha256(std::string_view bytes);
std::string sha256_file(const fs::path& path);

}  // namespace tessera
