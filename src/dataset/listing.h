#pragma once

#include <string>
#include <vector>

#include "base/files.h"
#include "dataset/data_notes.h"

namespace tessera {

/// Which class each image belongs to.
struct Labels {
  std::vector<int> of_image;
  std::vector<std::string> names;  ///< of the classes (base/class_names.h)
};

/// Classes from paths such as "dog/7.png" or "train/dog/7.png": the first folder in which the paths
/// differ. Without such a folder all images have one class, named after their folder or, failing
/// that, `root`. Of `folders`, those beside class folders that hold no image are noted, and so are
/// classes that look like splits. Throws Error when some images lie in class folders and others
/// beside them.
Labels labels_from_paths(const std::vector<std::string>& paths, const std::string& root,
                         const std::vector<std::string>& folders, DataNotes& notes);

/// What lies anywhere below a folder, relative to it, sorted.
struct FolderListing {
  std::vector<std::string> files;    ///< images and others
  std::vector<std::string> folders;  ///< links that lead nowhere among them
};

/// Links are followed, but for those to a folder above. What left_out() says, what is no file and
/// links that lead nowhere are noted. Throws FileError when a folder cannot be read.
FolderListing list_folder(const fs::path& folder, DataNotes& notes);

}  // namespace tessera
