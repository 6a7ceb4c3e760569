#include "dataset/data_notes.h"

#include <algorithm>
#include <cctype>

#include "base/class_names.h"

namespace tessera {
namespace {

std::string counted(std::size_t count, const std::string& one, const std::string& many) {
  return std::to_string(count) + " " + (count == 1 ? one : many);
}

}  // namespace

void DataNotes::pass_over(std::string_view name) {
  constexpr std::size_t kMostExtension = 12;
  const auto file = name.substr(name.rfind('/') + 1);
  const auto dot = file.rfind('.');
  std::string kind = "without extension";
  if (dot != std::string_view::npos && dot > 0 && file.size() - dot <= kMostExtension) {
    kind = class_name_of_bytes(file.substr(dot));
    std::ranges::transform(kind, kind.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  }
  ++passed_over[kind];
}

std::vector<std::string> DataNotes::warnings() const {
  std::vector<std::string> lines;
  if (!passed_over.empty()) {
    std::vector<std::pair<std::size_t, std::string>> kinds;
    std::size_t all = 0;
    for (const auto& [kind, count] : passed_over) {
      kinds.emplace_back(count, kind);
      all += count;
    }
    std::ranges::stable_sort(kinds, std::greater(), [](const auto& kind) { return kind.first; });
    Names shown;
    for (const auto& [count, kind] : kinds) shown.push_back(kind + " " + std::to_string(count));
    std::string text;
    constexpr std::size_t kMostKinds = 10;
    for (std::size_t i = 0; i < std::min(shown.size(), kMostKinds); ++i)
      text += (i == 0 ? "" : ", ") + shown[i];
    if (shown.size() > kMostKinds)
      text += ", and " + counted(shown.size() - kMostKinds, "other kind", "other kinds");
    if (passed_over.contains(".avif")) text += "; this build reads no AVIF";
    lines.push_back(counted(all, "file", "files") + " passed over (" + text + ")");
  }
  if (!classes_without_images.empty())
    lines.push_back(
        (classes_without_images.size() == 1 ? "no image in class " : "no image in classes ") +
        listed_names(classes_without_images, 20));
  lines.insert(lines.end(), oddities.begin(), oddities.end());
  return lines;
}

bool left_out(std::string_view name) {
  constexpr std::string_view kNames[] = {"@eaDir",     "@Recycle",     "#recycle",
                                         "__MACOSX",   "$RECYCLE.BIN", "System Volume Information",
                                         "lost+found", "Thumbs.db",    "ehthumbs.db",
                                         "desktop.ini"};
  return name.starts_with('.') || std::ranges::find(kNames, name) != std::end(kNames);
}

bool any_left_out(std::string_view path) {
  while (!path.empty()) {
    const auto part = path.substr(0, path.find('/'));
    if (part != "." && part != ".." && left_out(part)) return true;
    path.remove_prefix(std::min(path.size(), part.size() + 1));
  }
  return false;
}

}  // namespace tessera
