#pragma once

#include <map>

#include "base/class_names.h"
#include "base/output.h"
#include "image/image.h"

namespace tessera {

/// Writes numbered PNG files, one folder a class, whole or not at all (NewFolder): finish() moves
/// them to their place.
class ImageFolderWriter {
 public:
  /// Throws FileError if `folder` holds files, cannot be written or is being written. What is not
  /// finished is removed.
  explicit ImageFolderWriter(const fs::path& folder) : folder_(folder) {}

  /// The classes that add() will be given, so that each has a folder of its own (folder_names).
  void name_classes(const Names& class_names);
  void add(const Image& image);                                 ///< <folder>/000000.png
  void add(const Image& image, const std::string& class_name);  ///< <folder>/<class>/000000.png
  void finish() { folder_.finish(); }

 private:
  std::string next_file();

  NewFolder folder_;
  std::map<std::string, std::string> folders_;  // of class names
  std::size_t count_ = 0;
};

}  // namespace tessera
