// Layouts: see pytorch_zip.cpp.
#include "formats/pytorch_zip_writer.h"

#include <zlib.h>

#include <algorithm>

namespace tessera {
namespace {

constexpr std::uint32_t kLocal = 0x04034b50, kDirectory = 0x02014b50, kEnd = 0x06054b50;
constexpr std::uint32_t kEnd64 = 0x06064b50, kLocator64 = 0x07064b50;
constexpr std::size_t kLocalBytes = 30, kEnd64Bytes = 56;
constexpr std::uint16_t kExtra64 = 1, kPadding = 0x4246;         // torch.save pads with "FB"
constexpr std::uint64_t kFull32 = 0xffffffff, kFull16 = 0xffff;  // "see the ZIP64 field"
constexpr std::size_t kAlignment = 64;

// Little-endian fields to be written.
class Packed {
 public:
  Packed& u16(std::uint64_t value) { return add(value, 2); }
  Packed& u32(std::uint64_t value) { return add(value, 4); }
  Packed& u64(std::uint64_t value) { return add(value, 8); }
  Packed& text(const std::string& value) {
    bytes_ += value;
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  Packed& add(std::uint64_t value, int count) {
    for (int i = 0; i < count; ++i) bytes_ += static_cast<char>(value >> (8 * i));
    return *this;
  }
  std::string bytes_;
};

std::uint64_t low32(std::uint64_t value) { return std::min<std::uint64_t>(value, kFull32); }

std::uint32_t checksum_of(std::span<const std::byte> bytes) {
  constexpr std::size_t kBlock = std::size_t{1} << 30;  // zlib counts in 32 bits
  uLong checksum = crc32(0, nullptr, 0);
  for (; !bytes.empty(); bytes = bytes.subspan(std::min(kBlock, bytes.size())))
    checksum = crc32(checksum, reinterpret_cast<const Bytef*>(bytes.data()),
                     static_cast<uInt>(std::min(kBlock, bytes.size())));
  return static_cast<std::uint32_t>(checksum);
}

// Version needed (4.5 for ZIP64), flags (UTF-8 names), method, a fixed time (1 January 1980).
Packed& put_kind(Packed& header) { return header.u16(45).u16(0x0800).u16(0).u16(0).u16(0x0021); }

}  // namespace

void ZipWriter::put(const std::string& bytes) {
  stream_.write(bytes.data(), std::ssize(bytes));
  at_ += bytes.size();
}

void ZipWriter::add(const std::string& name, std::span<const std::byte> bytes) {
  const Entry entry{name, checksum_of(bytes), bytes.size(), at_};
  Packed extra;
  if (entry.size >= kFull32) extra.u16(kExtra64).u16(16).u64(entry.size).u64(entry.size);
  const auto begin = at_ + kLocalBytes + name.size() + extra.bytes().size() + 4;
  const auto padding = (kAlignment - begin % kAlignment) % kAlignment;
  extra.u16(kPadding).u16(padding).text(std::string(padding, 'Z'));
  Packed header;
  put_kind(header.u32(kLocal)).u32(entry.checksum).u32(low32(entry.size)).u32(low32(entry.size));
  header.u16(name.size()).u16(extra.bytes().size()).text(name).text(extra.bytes());
  put(header.bytes());
  stream_.write(reinterpret_cast<const char*>(bytes.data()), std::ssize(bytes));
  at_ += bytes.size();
  entries_.push_back(entry);
}

void ZipWriter::finish() {
  const auto begin = at_;
  for (const auto& entry : entries_) {
    Packed extra;
    if (entry.size >= kFull32 || entry.place >= kFull32) {
      extra.u16(kExtra64).u16((entry.size >= kFull32 ? 16 : 0) + (entry.place >= kFull32 ? 8 : 0));
      if (entry.size >= kFull32) extra.u64(entry.size).u64(entry.size);
      if (entry.place >= kFull32) extra.u64(entry.place);
    }
    Packed header;
    put_kind(header.u32(kDirectory).u16(45)).u32(entry.checksum);
    header.u32(low32(entry.size)).u32(low32(entry.size));
    header.u16(entry.name.size()).u16(extra.bytes().size()).u16(0).u16(0).u16(0).u32(0);
    put(header.u32(low32(entry.place)).text(entry.name).text(extra.bytes()).bytes());
  }
  const auto end = at_, count = std::uint64_t{entries_.size()};
  if (begin >= kFull32 || count >= kFull16) {
    put(Packed()
            .u32(kEnd64)
            .u64(kEnd64Bytes - 12)
            .u16(45)
            .u16(45)
            .u32(0)
            .u32(0)
            .u64(count)
            .u64(count)
            .u64(end - begin)
            .u64(begin)
            .bytes());
    put(Packed().u32(kLocator64).u32(0).u64(end).u32(1).bytes());
  }
  const auto count16 = std::min<std::uint64_t>(count, kFull16);
  put(Packed()
          .u32(kEnd)
          .u16(0)
          .u16(0)
          .u16(count16)
          .u16(count16)
          .u32(end - begin)
          .u32(low32(begin))
          .u16(0)
          .bytes());
}

}  // namespace tessera
