#include <glob.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <optional>

#include "base/error.h"
#include "dataset/stored_images.h"
#include "formats/idx.h"

namespace tessera {
namespace {

using Paths = std::vector<fs::path>;

const std::vector<std::string> kFashionClasses = {"T-shirt/top", "Trouser",   "Pullover", "Dress",
                                                  "Coat",        "Sandal",    "Shirt",    "Sneaker",
                                                  "Bag",         "Ankle boot"};
const std::vector<std::string> kCifarClasses = {"airplane", "automobile", "bird",  "cat",  "deer",
                                                "dog",      "frog",       "horse", "ship", "truck"};
constexpr const char* kKinds =
    "a folder of PNG or JPEG images, .tar files, IDX files, CIFAR-10 .bin files, a .npy file, or a "
    "name (fashion-mnist, fashion-mnist-test)";

std::unique_ptr<ImageSet> open_folder(const fs::path& folder) {
  auto paths = list_images(folder);
  if (paths.empty()) throw FileError(folder, "holds no PNG or JPEG image");
  const auto name = fs::weakly_canonical(folder).filename().string();
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

// Images "train-images-idx3-ubyte.gz" have their labels in "train-labels-idx1-ubyte", compressed or
// not.
std::optional<fs::path> labels_beside(const fs::path& images) {
  std::string name = images.filename().string();
  for (const auto& [from, to] : {std::pair{"images", "labels"}, std::pair{"idx3", "idx1"}}) {
    const auto place = name.find(from);
    if (place == std::string::npos) return std::nullopt;
    name.replace(place, std::string(from).size(), to);
  }
  const fs::path found = images.parent_path() / name;
  if (fs::exists(found)) return found;
  const fs::path other = found.extension() == ".gz" ? fs::path(found).replace_extension()
                                                    : fs::path(found.string() + ".gz");
  return fs::exists(other) ? std::optional(other) : std::nullopt;
}

// Without class names the classes are called "0", "1", ..
Labels read_idx_labels(const fs::path& path, std::int64_t count, std::vector<std::string> names) {
  const auto array = read_idx(path);
  if (array.shape != std::vector<std::int64_t>{count})
    throw FileError(path, "shape", shape_text(array.shape),
                    "[" + std::to_string(count) + "], one label for each image");
  Labels labels{{}, std::move(names)};
  for (const char byte : array.bytes) labels.of_image.push_back(static_cast<unsigned char>(byte));
  const int largest = std::ranges::max(labels.of_image);
  if (labels.names.empty())
    for (int i = 0; i <= largest; ++i) labels.names.push_back(std::to_string(i));
  if (largest >= std::ssize(labels.names))
    throw FileError(path, "a label", std::to_string(largest),
                    "less than the number of classes, " + std::to_string(labels.names.size()));
  return labels;
}

std::unique_ptr<ImageSet> open_idx(const Paths& paths, const std::vector<std::string>& names = {}) {
  if (paths.size() > 2)
    throw Error("--data: expected IDX images and at most one file of labels, found " +
                std::to_string(paths.size()) + " files");
  auto array = std::make_shared<const IdxArray>(read_idx(paths[0]));
  const auto& shape = array->shape;
  if (shape.size() != 3 || array->bytes.empty() || shape[1] > kMostPixelsPerSide ||
      shape[2] > kMostPixelsPerSide)
    throw FileError(paths[0], "shape", shape_text(shape), "[images, height, width], not empty");
  const auto beside = paths.size() == 2 ? std::optional(paths[1]) : labels_beside(paths[0]);
  Labels labels{std::vector<int>(static_cast<std::size_t>(shape[0])), {paths[0].stem().string()}};
  if (beside) labels = read_idx_labels(*beside, shape[0], names);
  return std::make_unique<ArrayImages>(
      ArrayImages::Array{.name = paths[0].string(),
                         .width = static_cast<int>(shape[2]),
                         .height = static_cast<int>(shape[1]),
                         .layout = Layout::grey,
                         .stride = static_cast<std::size_t>(shape[1] * shape[2]),
                         .pixels = {reinterpret_cast<const std::uint8_t*>(array->bytes.data()),
                                    array->bytes.size()},
                         .owner = array},
      std::move(labels));
}

// Records of a label and three planes of 32 x 32.
std::unique_ptr<ImageSet> open_cifar(const Paths& paths) {
  constexpr std::size_t kRecord = 1 + 3 * 32 * 32;
  auto records = std::make_shared<std::string>();
  Labels labels{{}, kCifarClasses};
  for (const auto& path : paths) {
    const auto bytes = read_file(path);
    if (bytes.empty() || bytes.size() % kRecord != 0)
      throw FileError(path, "size", std::to_string(bytes.size()) + " bytes",
                      "a multiple of 3073 (CIFAR-10 binary)");
    for (std::size_t at = 0; at < bytes.size(); at += kRecord) {
      labels.of_image.push_back(static_cast<unsigned char>(bytes[at]));
      if (labels.of_image.back() >= std::ssize(kCifarClasses))
        throw FileError(path, "label of record " + std::to_string(at / kRecord),
                        std::to_string(labels.of_image.back()), "0 to 9");
    }
    *records += bytes;
  }
  return std::make_unique<ArrayImages>(
      ArrayImages::Array{.name = paths[0].string(),
                         .width = 32,
                         .height = 32,
                         .layout = Layout::planes,
                         .stride = kRecord,
                         .pixels = {reinterpret_cast<const std::uint8_t*>(records->data()) + 1,
                                    records->size() - 1},
                         .owner = records},
      std::move(labels));
}

std::unique_ptr<ImageSet> open_npy_images(const fs::path& path) {
  auto file = std::make_shared<const NpyFile>(NpyFile::open(path));
  const auto& shape = file->shape();
  const bool floats = file->type() == DType::F32 && shape.size() == 4 && shape[1] == 3;
  const bool bytes = file->type() == DType::U8 && shape.size() == 4 && shape[3] == 3;
  const auto small = [](auto side) { return side <= kMostPixelsPerSide; };
  if ((!floats && !bytes) || file->bytes().empty() ||
      !std::all_of(shape.begin() + 1, shape.end(), small))
    throw FileError(path, "array", name_of(file->type()) + " " + shape_text(shape),
                    "F32 [N, 3, H, W] in [-1, 1] or U8 [N, H, W, 3], not empty");
  if (floats) return std::make_unique<FloatImages>(*file);
  Labels labels{std::vector<int>(static_cast<std::size_t>(shape[0])), {path.stem().string()}};
  return std::make_unique<ArrayImages>(
      ArrayImages::Array{.name = path.string(),
                         .width = static_cast<int>(shape[2]),
                         .height = static_cast<int>(shape[1]),
                         .layout = Layout::rgb,
                         .stride = static_cast<std::size_t>(shape[1] * shape[2] * 3),
                         .pixels = {reinterpret_cast<const std::uint8_t*>(file->bytes().data()),
                                    file->bytes().size()},
                         .owner = file},
      std::move(labels));
}

// Where Debian's package puts them, or below TESSERA_DATASETS.
std::unique_ptr<ImageSet> open_fashion_mnist(const std::string& prefix) {
  const char* root = std::getenv("TESSERA_DATASETS");
  const fs::path folder = fs::path(root ? root : "/usr/share/datasets") / "fashion-mnist";
  const Paths pair = {folder / (prefix + "-images-idx3-ubyte.gz"),
                      folder / (prefix + "-labels-idx1-ubyte.gz")};
  for (const auto& path : pair)
    if (!fs::exists(path))
      throw FileError(path, "does not exist; install the Debian package dataset-fashion-mnist");
  return open_idx(pair, kFashionClasses);
}

// Existing paths stay; others are patterns such as "train-*.tar".
Paths expand(const std::vector<std::string>& data) {
  Paths paths;
  for (const auto& item : data) {
    if (fs::exists(item)) {
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
  if (fs::is_directory(path)) return Kind::folder;
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
