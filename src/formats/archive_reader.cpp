#include "formats/archive_reader.h"

#include "base/error.h"

namespace tessera {

void open_archive(archive* archive, const fs::path& path) {
  constexpr std::size_t kBlock = 1 << 16;
  std::error_code failed;
  if (!fs::exists(path, failed)) throw FileError(path, "does not exist");
  if (!fs::is_regular_file(path, failed)) throw FileError(path, "is not a file");
  if (archive_read_open_filename(archive, path.c_str(), kBlock) != ARCHIVE_OK)
    throw FileError(path, archive_problem(archive));
}

std::string archive_problem(archive* archive) {
  const char* message = archive_error_string(archive);
  return message ? message : "cannot be read";
}

}  // namespace tessera
