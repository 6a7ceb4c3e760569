#include "formats/idx.h"

#include <string_view>

#include "base/error.h"
#include "formats/archive_reader.h"
#include "formats/dtype.h"

namespace tessera {
namespace {

constexpr std::size_t kMostBytes = std::size_t{1} << 32;

// A stream of bytes, decompressed on the way.
class ByteStream {
 public:
  explicit ByteStream(const fs::path& path) : path_(path) {
    archive_read_support_format_raw(archive_.get());
    archive_read_support_format_empty(archive_.get());
    archive_read_support_filter_all(archive_.get());
    open_archive(archive_.get(), path);
    archive_entry* entry = nullptr;
    const int status = archive_read_next_header(archive_.get(), &entry);
    if (status == ARCHIVE_EOF) throw FileError(path_, "is empty");
    if (status < ARCHIVE_WARN)
      throw FileError(path_, "is damaged: " + archive_problem(archive_.get()));
  }

  // Up to `count` more bytes; fewer only at the end.
  std::string take(std::size_t count) {
    constexpr std::size_t kBlock = 1 << 20;
    std::string bytes;
    while (bytes.size() < count) {
      const std::size_t before = bytes.size();
      bytes.resize(std::min(count, before + kBlock));
      const auto got =
          archive_read_data(archive_.get(), bytes.data() + before, bytes.size() - before);
      if (got < 0) throw FileError(path_, "is damaged: " + archive_problem(archive_.get()));
      bytes.resize(before + static_cast<std::size_t>(got));
      if (got == 0) break;
    }
    return bytes;
  }

 private:
  fs::path path_;
  Archive archive_{archive_read_new(), &archive_read_free};
};

std::uint32_t big_endian(std::string_view bytes) {
  std::uint32_t value = 0;
  for (const char byte : bytes.substr(0, 4)) value = value << 8 | static_cast<unsigned char>(byte);
  return value;
}

}  // namespace

IdxArray read_idx(const fs::path& path) {
  ByteStream stream(path);
  const std::string magic = stream.take(4);
  constexpr int kUnsignedByte = 8;
  if (magic.size() < 4 || magic[0] != 0 || magic[1] != 0 || magic[3] < 1 || magic[3] > 4)
    throw FileError(path, "is not an IDX file, by its first bytes");
  if (magic[2] != kUnsignedByte)
    throw FileError(path, "IDX type", std::to_string(static_cast<unsigned char>(magic[2])),
                    "8 (unsigned bytes)");
  IdxArray array;
  for (int axis = 0; axis < magic[3]; ++axis) {
    const std::string side = stream.take(4);
    if (side.size() < 4) throw FileError(path, "is truncated in its header");
    array.shape.push_back(big_endian(side));
  }
  const auto size = bytes_needed(DType::U8, array.shape);
  if (!size || *size > kMostBytes)
    throw FileError(path, "shape", shape_text(array.shape), "at most 4 GB");
  array.bytes = stream.take(*size);
  if (array.bytes.size() != *size || !stream.take(1).empty())
    throw FileError(
        path, "size after the header",
        array.bytes.size() < *size ? std::to_string(array.bytes.size()) + " bytes" : "larger",
        std::to_string(*size) + " bytes for shape " + shape_text(array.shape));
  return array;
}

}  // namespace tessera
