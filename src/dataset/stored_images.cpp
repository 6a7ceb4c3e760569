#include "dataset/stored_images.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/class_names.h"
#include "base/error.h"
#include "image/resize.h"

namespace tessera {
namespace {

constexpr std::size_t kMostImageBytes = std::size_t{1} << 30;

}  // namespace

DecodeNotes ImageSet::check(std::size_t index) const {
  float pixel[3];
  read(index, 1, pixel);
  return {};
}

void StoredImages::read(std::size_t index, int side, float* pixels) const {
  DecodeNotes unused;
  const Image image = resize_and_crop(load(index, unused), side);
  std::ranges::transform(image.pixels, pixels, float_from_byte);
}

std::pair<int, int> StoredImages::stored_size(std::size_t index) const {
  DecodeNotes unused;
  const Image image = load(index, unused);
  return {image.width, image.height};
}

DecodeNotes StoredImages::check(std::size_t index) const {
  DecodeNotes notes;
  load(index, notes);
  return notes;
}

FolderImages::FolderImages(fs::path folder, std::vector<std::string> paths, Labels labels)
    : StoredImages(std::move(labels)), folder_(std::move(folder)), paths_(std::move(paths)) {
  TESSERA_CHECK(paths_.size() == size());
}

Image FolderImages::load(std::size_t index, DecodeNotes& notes) const {
  return decode_image(read_file(folder_ / paths_.at(index), kMostImageBytes), name(index), &notes);
}

TarImages::TarImages(std::vector<TarFile> tars, std::vector<Place> places, Labels labels)
    : StoredImages(std::move(labels)), tars_(std::move(tars)), places_(std::move(places)) {
  TESSERA_CHECK(places_.size() == size());
}

std::string TarImages::name(std::size_t index) const {
  const auto& tar = tars_.at(places_.at(index).tar);
  return tar.path().string() + ":" + tar.entries().at(places_.at(index).entry).name;
}

Image TarImages::load(std::size_t index, DecodeNotes& notes) const {
  const auto& tar = tars_.at(places_.at(index).tar);
  const auto& entry = tar.entries().at(places_.at(index).entry);
  if (entry.size > kMostImageBytes) throw FileError(name(index), "is larger than 1 GB");
  return decode_image(tar.read(entry), name(index), &notes);
}

ArrayImages::ArrayImages(Array array, Labels labels)
    : StoredImages(std::move(labels)), array_(std::move(array)) {
  const std::size_t image_bytes = static_cast<std::size_t>(array_.width) * array_.height *
                                  (array_.layout == Layout::grey ? 1 : 3);
  TESSERA_CHECK(size() == 0 || (size() - 1) * array_.stride + image_bytes <= array_.pixels.size());
}

std::string ArrayImages::name(std::size_t index) const {
  return array_.name + "[" + std::to_string(index) + "]";
}

Image ArrayImages::load(std::size_t index, DecodeNotes&) const {
  const std::size_t area = static_cast<std::size_t>(array_.width) * array_.height;
  const auto* source = array_.pixels.data() + index * array_.stride;
  Image image{array_.width, array_.height, std::vector<std::uint8_t>(area * 3)};
  if (array_.layout == Layout::rgb) {
    std::copy_n(source, area * 3, image.pixels.begin());
    return image;
  }
  const std::size_t plane =
      array_.layout == Layout::planes ? area : 0;  // grey: three times the same
  for (std::size_t i = 0; i < area; ++i)
    for (std::size_t c = 0; c < 3; ++c) image.pixels[i * 3 + c] = source[c * plane + i];
  return image;
}

FloatImages::FloatImages(NpyFile file)
    : file_(std::move(file)),
      width_(static_cast<int>(file_.shape()[3])),
      height_(static_cast<int>(file_.shape()[2])),
      class_names_{class_name_of_bytes(file_.path().stem().string())} {}

std::string FloatImages::name(std::size_t index) const {
  return file_.path().string() + "[" + std::to_string(index) + "]";
}

void FloatImages::read(std::size_t index, int side, float* pixels) const {
  const std::size_t area = static_cast<std::size_t>(width_) * height_;
  const auto* source = file_.bytes().data() + index * area * 3 * sizeof(float);
  std::vector<float> image(area * 3);
  for (std::size_t i = 0; i < area; ++i)
    for (std::size_t c = 0; c < 3; ++c)  // the file need not be aligned
      std::memcpy(&image[i * 3 + c], source + (c * area + i) * sizeof(float), sizeof(float));
  const auto wrong = std::ranges::find_if(image, [](float v) { return !(std::abs(v) <= 1); });
  if (wrong != image.end())
    throw FileError(name(index), "a pixel", std::to_string(*wrong), "a number in [-1, 1]");
  const auto square = resize_and_crop(image.data(), width_, height_, side);
  std::ranges::transform(square, pixels, [](float v) { return std::clamp(v, -1.0f, 1.0f); });
}

}  // namespace tessera
