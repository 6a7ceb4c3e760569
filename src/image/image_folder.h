#pragma once

#include "base/output.h"
#include "image/image.h"

namespace tessera {

/// A class name as one folder: whatever the name holds, the folder stays inside its parent.
/// "T-shirt/top" is "T-shirt-top"; names of dots alone, such as "..", and empty ones become dashes.
std::string folder_name(std::string class_name);

/// Writes numbered PNG files, one folder a class, whole or not at all (NewFolder): finish() moves
/// them to their place.
class ImageFolderWriter {
 public:
  /// Throws FileError if `folder` holds files, cannot be written or is being written. What is not
  /// finished is removed.
  explicit ImageFolderWriter(const fs::path& folder) : folder_(folder) {}

  void add(const Image& image);                                 ///< <folder>/000000.png
  void add(const Image& image, const std::string& class_name);  ///< <folder>/<class>/000000.png
  void finish() { folder_.finish(); }

 private:
  std::string next_file();

  NewFolder folder_;
  std::size_t count_ = 0;
};

}  // namespace tessera
