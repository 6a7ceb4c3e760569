#pragma once

#include <string>
#include <vector>

#include "base/files.h"

namespace tessera {

/// Which class each image belongs to.
struct Labels {
  std::vector<int> of_image;
  std::vector<std::string> names;  ///< of the classes
};

/// Classes from paths such as "dog/7.png" or "train/dog/7.png": the first folder in which the paths
/// differ. Without such a folder all images have one class, named after their folder or, failing
/// that, `root`. Throws Error when some images lie in class folders and others beside them.
Labels labels_from_paths(const std::vector<std::string>& paths, const std::string& root);

/// True for .png, .jpg and .jpeg in any case, hidden files excepted.
bool is_image_name(const fs::path& path);

/// Image files anywhere below `folder`, relative to it, sorted; hidden folders are left out. Throws
/// FileError when a folder cannot be read.
std::vector<std::string> list_images(const fs::path& folder);

}  // namespace tessera
