#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace tessera {

/// What opening a set of images did not read, or found odd.
struct DataNotes {
  /// Files by kind (".txt", "dangling link") that are neither images nor labels.
  std::map<std::string, std::size_t> passed_over;
  std::size_t left_out =
      0;  ///< files, and folders with all they hold, for which left_out() is true
  std::vector<std::string> classes_without_images;
  std::vector<std::string> oddities;  ///< a line each

  /// Counts a file by the ending of its name.
  void pass_over(std::string_view name);
  /// All of it that a user should know, a line each.
  std::vector<std::string> warnings() const;
};

/// Whether a file or folder of this name is the system's and holds no data: hidden ones, thumbnails
/// and such (@eaDir, __MACOSX, .ipynb_checkpoints, Thumbs.db, ..).
bool left_out(std::string_view name);
/// Whether any part of a path in an archive is such a name.
bool any_left_out(std::string_view path);

}  // namespace tessera
