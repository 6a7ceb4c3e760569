#include "dataset/listing.h"

#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <set>
#include <string_view>

#include "base/class_names.h"
#include "base/error.h"
#include "image/image.h"

namespace tessera {
namespace {

using Parts = std::vector<std::string_view>;

// "./train/dog" -> {"train", "dog"}
Parts parts_of(std::string_view path) {
  Parts parts;
  while (!path.empty()) {
    const auto part = path.substr(0, path.find('/'));
    if (part == ".." && !parts.empty())
      parts.pop_back();
    else if (!part.empty() && part != ".")
      parts.push_back(part);
    path.remove_prefix(std::min(path.size(), part.size() + 1));
  }
  return parts;
}

Parts folders_of(std::string_view path) {
  const auto end = path.rfind('/');
  return end == std::string_view::npos ? Parts() : parts_of(path.substr(0, end));
}

// The number of folders that all paths begin with.
std::size_t shared_folders(const std::vector<Parts>& folders) {
  auto shared = folders[0].size();
  for (const auto& parts : folders) {
    const auto differ = std::ranges::mismatch(folders[0], parts).in1 - folders[0].begin();
    shared = std::min(shared, static_cast<std::size_t>(differ));
  }
  return shared;
}

bool look_like_splits(const std::vector<std::string>& names) {
  const std::set<std::string> train = {"train", "training"};
  const std::set<std::string> others = {"val", "valid", "validation", "test", "testing"};
  const auto in = [](const std::set<std::string>& set) {
    return [&set](const std::string& name) { return set.contains(name); };
  };
  return names.size() > 1 && std::ranges::any_of(names, in(train)) &&
         std::ranges::all_of(names,
                             [&](auto& name) { return in(train)(name) || in(others)(name); });
}

// Folders that lie where class folders could and hold none of the images.
void note_empty_classes(const std::vector<Parts>& images, const std::vector<std::string>& folders,
                        std::size_t class_depth, DataNotes& notes) {
  std::set<std::string> with_images, without;
  const auto joined = [](const Parts& parts, std::size_t count) {
    std::string path;
    for (std::size_t i = 0; i < count; ++i) path += std::string(parts[i]) + "/";
    return path;
  };
  for (const auto& parts : images)
    for (std::size_t count = 0; count <= std::min(class_depth + 1, parts.size()); ++count)
      with_images.insert(joined(parts, count));
  for (const auto& folder : folders) {
    const auto parts = parts_of(folder);
    if (parts.empty() || parts.size() > class_depth + 1) continue;
    if (with_images.contains(joined(parts, parts.size() - 1)) &&
        !with_images.contains(joined(parts, parts.size())))
      without.insert(class_name_of_bytes(parts.back()));
  }
  notes.classes_without_images.assign(without.begin(), without.end());
}

// A folder on the way down: what it holds, and which one it is.
struct Level {
  fs::directory_iterator next;
  std::string path;  // relative, with a slash at its end unless it is the root
  dev_t device;
  ino_t number;
};

class FolderWalk {
 public:
  FolderWalk(const fs::path& root, DataNotes& notes) : root_(root), notes_(notes) {}

  FolderListing list() {
    enter("");
    while (!levels_.empty()) {
      auto& level = levels_.back();
      if (level.next == fs::directory_iterator()) {
        levels_.pop_back();
        continue;
      }
      const fs::directory_entry entry = *level.next;
      level.next.increment(failed_);
      check(root_ / level.path);
      visit(entry, level.path + entry.path().filename().string());
    }
    note_loops();
    std::ranges::sort(found_.files);
    std::ranges::sort(found_.folders);
    return std::move(found_);
  }

 private:
  void check(const fs::path& path) const {
    if (failed_) throw FileError(path, "cannot be read: " + failed_.message());
  }

  void visit(const fs::directory_entry& entry, const std::string& path) {
    if (left_out(entry.path().filename().string())) {
      ++notes_.left_out;
      return;
    }
    // The kind is known from the listing but for links: no look at every file.
    std::error_code nowhere;
    const bool link = entry.is_symlink(nowhere);
    if (link && !fs::exists(entry.path(), nowhere)) {
      if (!has_image_extension(path)) found_.folders.push_back(path);
      ++notes_.passed_over["dangling link"];
    } else if (entry.is_directory(nowhere)) {
      found_.folders.push_back(path);
      enter(path + "/");
    } else if (entry.is_regular_file(nowhere)) {
      found_.files.push_back(path);
    } else {
      ++notes_.passed_over["device or pipe"];
    }
  }

  void enter(const std::string& path) {
    const auto whole = root_ / path;
    struct stat status {};
    if (::stat(whole.c_str(), &status) != 0) failed_ = {errno, std::generic_category()};
    check(whole);
    const auto same = [&](const Level& level) {
      return level.device == status.st_dev && level.number == status.st_ino;
    };
    if (std::ranges::any_of(levels_, same)) {
      loops_.push_back(path.substr(0, path.size() - 1));
      return;
    }
    fs::directory_iterator next(whole, failed_);
    check(whole);
    levels_.push_back({std::move(next), path, status.st_dev, status.st_ino});
  }

  void note_loops() {
    if (loops_.empty()) return;
    std::ranges::sort(loops_);
    notes_.oddities.push_back(listed_names(loops_, 3) +
                              (loops_.size() == 1 ? " is a link to a folder above it and was"
                                                  : " are links to folders above them and were") +
                              " not followed");
  }

  fs::path root_;
  DataNotes& notes_;
  std::vector<Level> levels_;
  std::vector<std::string> loops_;
  FolderListing found_;
  std::error_code failed_;
};

}  // namespace

Labels labels_from_paths(const std::vector<std::string>& paths, const std::string& root,
                         const std::vector<std::string>& folders, DataNotes& notes) {
  if (paths.empty()) return {};
  std::vector<Parts> of_image;
  for (const auto& path : paths) of_image.push_back(folders_of(path));
  const auto depth = shared_folders(of_image);
  std::map<std::string_view, int> classes;
  for (const auto& parts : of_image)
    if (parts.size() > depth) classes.emplace(parts[depth], 0);
  const bool flat = classes.empty();
  if (flat) classes.emplace(depth > 0 ? of_image[0][depth - 1] : std::string_view(root), 0);
  Labels labels;
  for (auto& [name, number] : classes) {
    number = static_cast<int>(labels.names.size());
    labels.names.push_back(class_name_of_bytes(name));
  }
  for (std::size_t i = 0; i < paths.size(); ++i) {
    if (!flat && of_image[i].size() <= depth)
      throw Error(root + ": " + paths[i] + " lies beside class folders such as " + labels.names[0] +
                  ", expected every image in a class folder, or none");
    labels.of_image.push_back(flat ? 0 : classes.at(of_image[i][depth]));
  }
  if (!flat || depth > 0) note_empty_classes(of_image, folders, flat ? depth - 1 : depth, notes);
  if (look_like_splits(labels.names))
    notes.oddities.push_back("its classes are " + listed_names(labels.names) +
                             ", which look like splits; to read one of them, name its folder");
  return labels;
}

FolderListing list_folder(const fs::path& folder, DataNotes& notes) {
  return FolderWalk(folder, notes).list();
}

}  // namespace tessera
