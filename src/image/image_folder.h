#pragma once

#include "image/image.h"

namespace tessera {

/// A class name as one folder: whatever the name holds, the folder stays inside its parent.
/// "T-shirt/top" is "T-shirt-top"; names of dots alone, such as "..", and empty ones become dashes.
std::string folder_name(std::string class_name);

/// Writes numbered PNG files, one folder a class, whole or not at all: beside their place until
/// finish() renames them.
class ImageFolderWriter {
 public:
  /// Throws FileError if `folder` is there already and is not an empty folder.
  explicit ImageFolderWriter(const fs::path& folder);
  ~ImageFolderWriter();  ///< what is not finished is removed
  ImageFolderWriter(const ImageFolderWriter&) = delete;
  ImageFolderWriter& operator=(const ImageFolderWriter&) = delete;

  void add(const Image& image);                                 ///< <folder>/000000.png
  void add(const Image& image, const std::string& class_name);  ///< <folder>/<class>/000000.png
  void finish();

 private:
  std::string next_file();

  fs::path folder_, partial_;
  std::size_t count_ = 0;
};

}  // namespace tessera
