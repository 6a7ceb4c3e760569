#include "dataset/listing.h"

#include <algorithm>
#include <cctype>
#include <set>

#include "base/error.h"

namespace tessera {
namespace {

// "./train/dog/7.png" -> {"train", "dog"}
std::vector<std::string> folders_of(const std::string& path) {
  std::vector<std::string> folders;
  for (const auto& part : fs::path(path).lexically_normal().parent_path())
    if (part != "." && part != "/") folders.push_back(part.string());
  return folders;
}

}  // namespace

Labels labels_from_paths(const std::vector<std::string>& paths, const std::string& root) {
  if (paths.empty()) return {};
  std::vector<std::vector<std::string>> folders;
  for (const auto& path : paths) folders.push_back(folders_of(path));
  const auto shared = [&](std::size_t depth) {
    return std::ranges::all_of(folders, [&](const auto& parts) {
      return parts.size() > depth && folders[0].size() > depth && parts[depth] == folders[0][depth];
    });
  };
  std::size_t depth = 0;
  while (shared(depth)) ++depth;

  std::set<std::string> names;
  for (const auto& parts : folders)
    if (parts.size() > depth) names.insert(parts[depth]);
  if (names.empty()) names.insert(depth > 0 ? folders[0][depth - 1] : root);
  Labels labels{{}, {names.begin(), names.end()}};
  const bool flat =
      std::ranges::all_of(folders, [&](auto& parts) { return parts.size() <= depth; });
  for (std::size_t i = 0; i < paths.size(); ++i) {
    if (!flat && folders[i].size() <= depth)
      throw Error(root + ": " + paths[i] + " lies beside class folders such as " + labels.names[0] +
                  ", expected every image in a class folder, or none");
    const auto place = flat ? names.begin() : names.find(folders[i][depth]);
    labels.of_image.push_back(static_cast<int>(std::distance(names.begin(), place)));
  }
  return labels;
}

bool is_image_name(const fs::path& path) {
  std::string extension = path.extension().string();
  std::ranges::transform(extension, extension.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return !path.filename().string().starts_with('.') &&
         (extension == ".png" || extension == ".jpg" || extension == ".jpeg");
}

std::vector<std::string> list_images(const fs::path& folder) {
  std::vector<std::string> images;
  try {
    const auto options = fs::directory_options::follow_directory_symlink;
    for (auto entry = fs::recursive_directory_iterator(folder, options);
         entry != fs::recursive_directory_iterator(); ++entry) {
      if (entry->is_directory()) {
        if (entry->path().filename().string().starts_with('.')) entry.disable_recursion_pending();
      } else if (is_image_name(entry->path())) {
        images.push_back(entry->path().lexically_relative(folder).string());
      }
    }
  } catch (const fs::filesystem_error& error) {
    throw FileError(error.path1().empty() ? folder : error.path1(),
                    "cannot be read: " + error.code().message());
  }
  std::ranges::sort(images);
  return images;
}

}  // namespace tessera
