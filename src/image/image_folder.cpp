#include "image/image_folder.h"

#include <algorithm>

namespace tessera {

std::string folder_name(std::string class_name) {
  std::replace_if(
      class_name.begin(), class_name.end(), [](char c) { return c == '/' || c == '\0'; }, '-');
  if (class_name.find_first_not_of('.') == std::string::npos)
    class_name.assign(std::max<std::size_t>(1, class_name.size()), '-');
  return class_name;
}

void ImageFolderWriter::add(const Image& image) { write_png(folder_.path() / next_file(), image); }

void ImageFolderWriter::add(const Image& image, const std::string& class_name) {
  write_png(folder_.path() / folder_name(class_name) / next_file(), image);
}

std::string ImageFolderWriter::next_file() {
  auto number = std::to_string(count_++);
  number.insert(0, 6 - std::min<std::size_t>(6, number.size()), '0');
  return number + ".png";
}

}  // namespace tessera
