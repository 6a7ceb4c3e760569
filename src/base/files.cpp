#include "base/files.h"

#include <openssl/evp.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>
#include <memory>

#include "base/error.h"
#include "base/output.h"

namespace tessera {
namespace {

class Sha256 {
 public:
  Sha256() { TESSERA_CHECK(EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1); }
  void update(const char* bytes, std::size_t count) {
    TESSERA_CHECK(EVP_DigestUpdate(context_.get(), bytes, count) == 1);
  }
  std::string hex() {
    std::array<unsigned char, 32> digest;
    TESSERA_CHECK(EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr) == 1);
    std::string text;
    for (const unsigned char byte : digest) {
      text += "0123456789abcdef"[byte >> 4];
      text += "0123456789abcdef"[byte & 15];
    }
    return text;
  }

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_{EVP_MD_CTX_new(),
                                                                   &EVP_MD_CTX_free};
};

}  // namespace

void write_file(const fs::path& path, const std::function<void(std::ostream&)>& write) {
  OutputFile file(path);
  write(file.stream());
  file.commit();
}

void write_file(const fs::path& path, std::string_view bytes) {
  write_file(path, [&](std::ostream& stream) { stream.write(bytes.data(), std::ssize(bytes)); });
}

std::string read_file(const fs::path& path, std::size_t limit) {
  std::error_code failed;
  if (!fs::exists(path, failed)) throw FileError(path, "does not exist");
  if (!fs::is_regular_file(path, failed)) throw FileError(path, "is not a file");
  const auto size = fs::file_size(path, failed);
  if (size > limit)
    throw FileError(path, "size", std::to_string(size) + " bytes",
                    "at most " + std::to_string(limit));
  std::ifstream file(path, std::ios::binary);
  std::string bytes(size, '\0');
  if (!file.read(bytes.data(), std::ssize(bytes))) throw FileError(path, "cannot be read");
  return bytes;
}

nlohmann::json read_json(const fs::path& path) {
  // The parser needs no stack for nesting, but who prints or copies the result does.
  const auto refuse_deep_nesting = [&](int depth, auto, auto&) {
    if (depth > 100) throw FileError(path, "nests deeper than 100 levels");
    return true;
  };
  try {
    return nlohmann::json::parse(read_file(path), refuse_deep_nesting);
  } catch (const nlohmann::json::parse_error& error) {
    throw FileError(path, "is not JSON (byte " + std::to_string(error.byte) + ")");
  }
}

std::string json_text(const nlohmann::json& json, int indent) {
  return json.dump(indent, ' ', false, nlohmann::json::error_handler_t::replace);
}

void write_json(const fs::path& path, const nlohmann::json& json) {
  write_file(path, json_text(json, 2) + "\n");
}

void write_results(const std::string& destination, const nlohmann::json& json) {
  if (destination == "-") {
    errno = 0;
    std::cout << json_text(json, 2) << std::endl;
    if (!std::cout)
      throw FileError("standard output",
                      std::string("cannot be written: ") + std::strerror(errno ? errno : EIO));
  } else if (!destination.empty()) {
    write_json(destination, json);
  }
}

std::string sha256(std::string_view bytes) {
  Sha256 hash;
  hash.update(bytes.data(), bytes.size());
  return hash.hex();
}

std::string sha256_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw FileError(path, "cannot be read");
  Sha256 hash;
  std::string block(1 << 20, '\0');
  while (file.read(block.data(), std::ssize(block)) || file.gcount() > 0)
    hash.update(block.data(), static_cast<std::size_t>(file.gcount()));
  return hash.hex();
}

}  // namespace tessera
