#include "dataset/open_arrays.h"

#include <algorithm>
#include <optional>

#include "base/class_names.h"
#include "base/error.h"
#include "dataset/stored_images.h"
#include "formats/idx.h"

namespace tessera {
namespace {

const std::vector<std::string> kCifarClasses = {"airplane", "automobile", "bird",  "cat",  "deer",
                                                "dog",      "frog",       "horse", "ship", "truck"};

// Images "train-images-idx3-ubyte.gz" have their labels in "train-labels-idx1-ubyte", compressed or
// not.
std::optional<fs::path> labels_beside(const fs::path& images) {
  std::string name = images.filename().string();
  for (const auto& [from, to] : {std::pair{"images", "labels"}, std::pair{"idx3", "idx1"}}) {
    const auto place = name.find(from);
    if (place == std::string::npos) return std::nullopt;
    name.replace(place, std::string(from).size(), to);
  }
  std::error_code unreadable;
  const fs::path found = images.parent_path() / name;
  if (fs::exists(found, unreadable)) return found;
  const fs::path other = found.extension() == ".gz" ? fs::path(found).replace_extension()
                                                    : fs::path(found.string() + ".gz");
  return fs::exists(other, unreadable) ? std::optional(other) : std::nullopt;
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

}  // namespace

std::unique_ptr<ImageSet> open_idx(const Paths& paths, const std::vector<std::string>& names) {
  if (paths.size() > 2)
    throw Error("--data: expected IDX images and at most one file of labels, found " +
                std::to_string(paths.size()) + " files");
  auto array = std::make_shared<const IdxArray>(read_idx(paths[0]));
  const auto& shape = array->shape;
  if (shape.size() != 3 || array->bytes.empty() || shape[1] > kMostPixelsPerSide ||
      shape[2] > kMostPixelsPerSide)
    throw FileError(paths[0], "shape", shape_text(shape), "[images, height, width], not empty");
  const auto beside = paths.size() == 2 ? std::optional(paths[1]) : labels_beside(paths[0]);
  Labels labels{std::vector<int>(static_cast<std::size_t>(shape[0])),
                {class_name_of_bytes(paths[0].stem().string())}};
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
  Labels labels{std::vector<int>(static_cast<std::size_t>(shape[0])),
                {class_name_of_bytes(path.stem().string())}};
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

}  // namespace tessera
