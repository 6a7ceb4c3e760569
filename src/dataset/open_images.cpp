#include <glob.h>

#include <algorithm>
#include <cstdlib>

#include "base/error.h"
#include "dataset/emoji_images.h"
#include "dataset/open_arrays.h"
#include "dataset/stored_images.h"

namespace tessera {
namespace {

const std::vector<std::string> kFashionClasses = {"T-shirt/top", "Trouser",   "Pullover", "Dress",
                                                  "Coat",        "Sandal",    "Shirt",    "Sneaker",
                                                  "Bag",         "Ankle boot"};
constexpr const char* kKinds =
    "a folder of PNG or JPEG images, .tar files, IDX files, CIFAR-10 .bin files, a .npy file, or a "
    "name (fashion-mnist, fashion-mnist-test, emoji)";

std::unique_ptr<ImageSet> open_folder(const fs::path& folder) {
  auto paths = list_images(folder);
  if (paths.empty())
    throw FileError(folder, "holds no PNG or JPEG image (tar files are named themselves)");
  std::error_code unreadable;
  const auto name = fs::weakly_canonical(folder, unreadable).filename().string();
  auto labels = labels_from_paths(paths, name);
  return std::make_unique<FolderImages>(folder, std::move(paths), std::move(labels));
}

std::unique_ptr<ImageSet> open_tars(const Paths& paths) {
  std::vector<TarFile> tars;
  std::vector<TarImages::Place> places;
  std::vector<std::string> names;
  for (const auto& path : paths) {
    const auto& entries = tars.emplace_back(path).entries();
    for (std::size_t i = 0; i < entries.size(); ++i) {
      if (!is_image_name(entries[i].name)) continue;
      places.push_back(
          {static_cast<std::uint32_t>(tars.size() - 1), static_cast<std::uint32_t>(i)});
      names.push_back(entries[i].name);
    }
  }
  if (places.empty()) throw FileError(paths[0], "holds no PNG or JPEG image");
  auto labels = labels_from_paths(names, paths[0].stem().string());
  return std::make_unique<TarImages>(std::move(tars), std::move(places), std::move(labels));
}

// Below TESSERA_DATASETS, or where Debian's packages put it.
fs::path place_of(const std::string& name, const fs::path& packaged) {
  const char* root = std::getenv("TESSERA_DATASETS");
  return root ? fs::path(root) / name : packaged;
}

std::unique_ptr<ImageSet> open_fashion_mnist(const std::string& prefix) {
  const fs::path folder = place_of("fashion-mnist", "/usr/share/datasets/fashion-mnist");
  const Paths pair = {folder / (prefix + "-images-idx3-ubyte.gz"),
                      folder / (prefix + "-labels-idx1-ubyte.gz")};
  std::error_code unreadable;
  for (const auto& path : pair)
    if (!fs::exists(path, unreadable))
      throw FileError(path, "does not exist; install the Debian package dataset-fashion-mnist");
  return open_idx(pair, kFashionClasses);
}

// Existing paths stay; others are patterns such as "train-*.tar".
Paths expand(const std::vector<std::string>& data) {
  Paths paths;
  std::error_code unreadable;
  for (const auto& item : data) {
    if (fs::exists(item, unreadable)) {
      paths.emplace_back(item);
      continue;
    }
    glob_t found{};
    const int status = ::glob(item.c_str(), 0, nullptr, &found);
    if (status == 0) paths.insert(paths.end(), found.gl_pathv, found.gl_pathv + found.gl_pathc);
    ::globfree(&found);
    if (status != 0) throw Error("--data " + item + ": there is no such path; expected " + kKinds);
  }
  return paths;
}

enum class Kind { folder, tar, idx, cifar, npy };

Kind kind_of(const fs::path& path) {
  std::error_code unreadable;
  if (fs::is_directory(path, unreadable)) return Kind::folder;
  const auto name = path.filename().string();
  const auto extension = path.extension().string();
  if (extension == ".tar") return Kind::tar;
  if (extension == ".npy") return Kind::npy;
  if (extension == ".bin") return Kind::cifar;
  if (name.find("idx") != std::string::npos || extension == ".gz") return Kind::idx;
  throw FileError(path, "is no kind of data that is known; expected " + std::string(kKinds));
}

}  // namespace

std::unique_ptr<ImageSet> open_images(const std::vector<std::string>& data) {
  if (data.empty()) throw Error(std::string("--data is missing; expected ") + kKinds);
  if (data.size() == 1 && data[0] == "fashion-mnist") return open_fashion_mnist("train");
  if (data.size() == 1 && data[0] == "fashion-mnist-test") return open_fashion_mnist("t10k");
  if (data.size() == 1 && data[0] == "emoji")
    return open_emoji(
        place_of("emoji/emoji-test.txt", "/usr/share/unicode/emoji/emoji-test.txt"),
        place_of("emoji/NotoColorEmoji.ttf", "/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf"));
  const Paths paths = expand(data);
  const Kind kind = kind_of(paths[0]);
  for (const auto& path : paths)
    if (kind_of(path) != kind)
      throw Error("--data: " + path.string() + " is of another kind than " + paths[0].string());
  if (paths.size() > 1 && (kind == Kind::folder || kind == Kind::npy))
    throw Error("--data: " + paths[1].string() +
                ": only one folder or .npy file can be read at a time");
  switch (kind) {
    case Kind::folder:
      return open_folder(paths[0]);
    case Kind::tar:
      return open_tars(paths);
    case Kind::idx:
      return open_idx(paths);
    case Kind::cifar:
      return open_cifar(paths);
    case Kind::npy:
      return open_npy_images(paths[0]);
  }
  TESSERA_CHECK(false);
  return nullptr;
}

}  // namespace tessera
