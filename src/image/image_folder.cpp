#include "image/image_folder.h"

#include <algorithm>

#include "base/error.h"

namespace tessera {

ImageFolderWriter::ImageFolderWriter(const fs::path& folder)
    // Without a slash at its end, which would put the partial folder inside.
    : folder_(folder.has_filename() ? folder : folder.parent_path()),
      partial_(folder_.string() + ".partial") {
  if (fs::exists(folder_) && !(fs::is_directory(folder_) && fs::is_empty(folder_)))
    throw FileError(folder_, "exists already and is not an empty folder");
  fs::remove_all(partial_);
}

ImageFolderWriter::~ImageFolderWriter() {
  std::error_code ignored;
  fs::remove_all(partial_, ignored);
}

void ImageFolderWriter::name_classes(const Names& class_names) {
  const auto folders = folder_names(class_names);
  for (std::size_t i = 0; i < folders.size(); ++i) folders_[class_names[i]] = folders[i];
}

void ImageFolderWriter::add(const Image& image) { write_png(partial_ / next_file(), image); }

void ImageFolderWriter::add(const Image& image, const std::string& class_name) {
  const auto folder = folders_.find(class_name);
  write_png(partial_ / (folder == folders_.end() ? folder_name(class_name) : folder->second) /
                next_file(),
            image);
}

void ImageFolderWriter::finish() {
  std::error_code failed;
  fs::remove(folder_, failed);
  fs::rename(partial_, folder_, failed);
  if (failed) throw FileError(folder_, "cannot be written: " + failed.message());
}

std::string ImageFolderWriter::next_file() {
  auto number = std::to_string(count_++);
  number.insert(0, 6 - std::min<std::size_t>(6, number.size()), '0');
  return number + ".png";
}

}  // namespace tessera
