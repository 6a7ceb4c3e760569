#pragma once

#include <map>

#include "base/class_names.h"
#include "image/image.h"

namespace tessera {

/// Writes numbered PNG files, one folder a class, whole or not at all: beside their place until
/// finish() renames them.
class ImageFolderWriter {
 public:
  /// Throws FileError if `folder` is there already and is not an empty folder.
  explicit ImageFolderWriter(const fs::path& folder);
  ~ImageFolderWriter();  ///< what is not finished is removed
  ImageFolderWriter(const ImageFolderWriter&) = delete;
  ImageFolderWriter& operator=(const ImageFolderWriter&) = delete;

  /// The classes that add() will be given, so that each has a folder of its own (folder_names).
  void name_classes(const Names& class_names);
  void add(const Image& image);                                 ///< <folder>/000000.png
  void add(const Image& image, const std::string& class_name);  ///< <folder>/<class>/000000.png
  void finish();

 private:
  std::string next_file();

  fs::path folder_, partial_;
  std::map<std::string, std::string> folders_;  // of class names
  std::size_t count_ = 0;
};

}  // namespace tessera
