#include "image/image_folder.h"

#include <algorithm>

namespace tessera {

void ImageFolderWriter::name_classes(const Names& class_names) {
  const auto folders = folder_names(class_names);
  for (std::size_t i = 0; i < folders.size(); ++i) folders_[class_names[i]] = folders[i];
}

void ImageFolderWriter::add(const Image& image) { write_png(folder_.path() / next_file(), image); }

void ImageFolderWriter::add(const Image& image, const std::string& class_name) {
  const auto folder = folders_.find(class_name);
  write_png(folder_.path() / (folder == folders_.end() ? folder_name(class_name) : folder->second) /
                next_file(),
            image);
}

std::string ImageFolderWriter::next_file() {
  auto number = std::to_string(count_++);
  number.insert(0, 6 - std::min<std::size_t>(6, number.size()), '0');
  return number + ".png";
}

}  // namespace tessera
