// Layouts: PKWARE's APPNOTE.TXT 6.3.10, sections 4.3.7 (local header), 4.3.12 (directory), 4.3.14
// to 4.3.16 (its end) and 4.5.3 (ZIP64 field).
#include "formats/pytorch_zip.h"

#include <cstring>

#include "base/error.h"

namespace tessera {
namespace {

constexpr std::uint32_t kLocal = 0x04034b50, kDirectory = 0x02014b50, kEnd = 0x06054b50;
constexpr std::uint32_t kEnd64 = 0x06064b50, kLocator64 = 0x07064b50;
constexpr std::size_t kLocalBytes = 30, kDirectoryBytes = 46, kEndBytes = 22;
constexpr std::size_t kEnd64Bytes = 56, kLocator64Bytes = 20;
constexpr std::uint16_t kExtra64 = 1;
constexpr std::uint32_t kFull32 = 0xffffffff;  // "see the ZIP64 field"
constexpr std::uint16_t kFull16 = 0xffff;

// Fields of little-endian bytes, one after the other or by place.
class Fields {
 public:
  Fields(std::span<const std::byte> bytes, const fs::path& path) : bytes_(bytes), path_(path) {}

  [[noreturn]] void refuse(const std::string& problem) const {
    throw FileError(path_, "is no whole zip archive: " + problem);
  }
  std::span<const std::byte> part(std::uint64_t place, std::uint64_t size) const {
    if (place > bytes_.size() || size > bytes_.size() - place)
      refuse("an entry ends at byte " + std::to_string(place) + " + " + std::to_string(size) +
             ", the file at " + std::to_string(bytes_.size()));
    return bytes_.subspan(place, size);
  }
  Fields sub(std::uint64_t place, std::uint64_t size) const { return {part(place, size), path_}; }
  template <typename T>
  T at(std::uint64_t place) const {
    T value;
    std::memcpy(&value, part(place, sizeof(T)).data(), sizeof(T));
    return value;
  }
  std::uint16_t u16(std::uint64_t place) const { return at<std::uint16_t>(place); }
  std::uint32_t u32(std::uint64_t place) const { return at<std::uint32_t>(place); }
  std::uint64_t u64(std::uint64_t place) const { return at<std::uint64_t>(place); }
  std::uint64_t size() const { return bytes_.size(); }

 private:
  std::span<const std::byte> bytes_;
  const fs::path& path_;
};

struct DirectoryPlace {
  std::uint64_t entries, size, place;
};

// The end stands before a comment of up to 65535 bytes, so it is looked for from behind.
std::uint64_t find_end(const Fields& file) {
  const std::uint64_t last = file.size() < kEndBytes ? 0 : file.size() - kEndBytes;
  const std::uint64_t first = last > kFull16 ? last - kFull16 : 0;
  for (std::uint64_t place = last + 1; file.size() >= kEndBytes && place-- > first;)
    if (file.u32(place) == kEnd) return place;
  file.refuse("it has no directory at its end, so it is truncated or something else");
}

DirectoryPlace find_directory(const Fields& file) {
  const auto end = find_end(file);
  if (end < kLocator64Bytes || file.u32(end - kLocator64Bytes) != kLocator64)
    return {file.u16(end + 10), file.u32(end + 12), file.u32(end + 16)};
  const auto end64 = file.u64(end - kLocator64Bytes + 8);
  file.part(end64, kEnd64Bytes);
  if (file.u32(end64) != kEnd64) file.refuse("its ZIP64 directory is not where it should be");
  return {file.u64(end64 + 32), file.u64(end64 + 40), file.u64(end64 + 48)};
}

// Takes the values that did not fit into 32 bits from the ZIP64 field, in their order.
void read_extra64(const Fields& extra, std::initializer_list<std::uint64_t*> values) {
  for (std::uint64_t place = 0; place + 4 <= extra.size();) {
    const auto size = extra.u16(place + 2);
    if (extra.u16(place) == kExtra64) {
      const Fields field = extra.sub(place + 4, size);
      std::uint64_t at = 0;
      for (auto* value : values)
        if (*value == kFull32) {
          if (at + 8 > field.size()) extra.refuse("a ZIP64 field is too short");
          *value = field.u64(at);
          at += 8;
        }
      return;
    }
    place += 4 + size;
  }
}

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Reads the entry of the directory at `place`, which becomes the next one's.
std::pair<std::string, std::span<const std::byte>> read_entry(const Fields& file,
                                                              std::uint64_t& place,
                                                              const fs::path& path) {
  if (file.u32(place) != kDirectory) file.refuse("its directory is damaged");
  const auto flags = file.u16(place + 8), method = file.u16(place + 10);
  std::uint64_t stored = file.u32(place + 20), size = file.u32(place + 24),
                local = file.u32(place + 42);
  const auto name_bytes = file.u16(place + 28), extra_bytes = file.u16(place + 30);
  const auto name = text_of(file.part(place + kDirectoryBytes, name_bytes));
  read_extra64(file.sub(place + kDirectoryBytes + name_bytes, extra_bytes),
               {&size, &stored, &local});
  place += kDirectoryBytes + name_bytes + extra_bytes + file.u16(place + 32);
  if (method != 0 || (flags & 1))
    throw FileError(path, "entry " + json_text(name),
                    flags & 1 ? "encrypted" : "compressed (method " + std::to_string(method) + ")",
                    "stored as it is, as torch.save does");
  if (size != stored) file.refuse("entry " + json_text(name) + " has two sizes");
  file.part(local, kLocalBytes);
  if (file.u32(local) != kLocal)
    file.refuse("entry " + json_text(name) + " is not where it should be");
  return {name, file.part(local + kLocalBytes + file.u16(local + 26) + file.u16(local + 28), size)};
}

}  // namespace

std::map<std::string, std::span<const std::byte>> read_zip(std::span<const std::byte> bytes,
                                                           const fs::path& path) {
  const Fields file(bytes, path);
  const auto directory = find_directory(file);
  file.part(directory.place, directory.size);
  if (directory.entries > directory.size / kDirectoryBytes)
    file.refuse("its directory is too small for " + std::to_string(directory.entries) + " entries");
  std::map<std::string, std::span<const std::byte>> entries;
  auto place = directory.place;
  for (std::uint64_t i = 0; i < directory.entries; ++i) {
    const auto entry = read_entry(file, place, path);
    if (!entries.insert(entry).second)
      file.refuse("it holds the entry " + json_text(entry.first) + " twice");
  }
  return entries;
}

}  // namespace tessera
