#include <algorithm>

#include "base/error.h"
#include "base/files.h"
#include "base/random.h"
#include "dataset/image_set.h"

namespace tessera {
namespace {

class SelectedImages : public ImageSet {
 public:
  SelectedImages(std::shared_ptr<const ImageSet> images, std::vector<std::size_t> indices)
      : images_(std::move(images)), indices_(std::move(indices)) {
    for (const auto index : indices_) TESSERA_CHECK(index < images_->size());
  }
  std::size_t size() const override { return indices_.size(); }
  int label(std::size_t index) const override { return images_->label(indices_.at(index)); }
  std::string name(std::size_t index) const override { return images_->name(indices_.at(index)); }
  const std::vector<std::string>& class_names() const override { return images_->class_names(); }
  void read(std::size_t index, int side, float* pixels) const override {
    images_->read(indices_.at(index), side, pixels);
  }
  DecodeNotes check(std::size_t index) const override { return images_->check(indices_.at(index)); }
  std::size_t family(std::size_t index) const override {
    return images_->family(indices_.at(index));
  }
  std::pair<int, int> stored_size(std::size_t index) const override {
    return images_->stored_size(indices_.at(index));
  }

 private:
  std::shared_ptr<const ImageSet> images_;
  std::vector<std::size_t> indices_;
};

std::uint64_t family_hash(std::size_t family, const DataConfig& config) {
  return mix({static_cast<std::uint64_t>(config.split_seed), family});
}

// The `count` of least hash, another one than holds images out, in their order.
void keep_some(std::vector<std::size_t>& indices, std::size_t count, const ImageSet& images,
               const DataConfig& config) {
  if (count == 0 || indices.size() <= count) return;
  std::vector<std::pair<std::uint64_t, std::size_t>> order;
  for (const auto index : indices)
    order.emplace_back(mix({family_hash(images.family(index), config), index}), index);
  std::nth_element(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count), order.end());
  indices.clear();
  for (std::size_t i = 0; i < count; ++i) indices.push_back(order[i].second);
  std::sort(indices.begin(), indices.end());
}

}  // namespace

std::shared_ptr<const ImageSet> select_images(std::shared_ptr<const ImageSet> images,
                                              std::vector<std::size_t> indices) {
  return std::make_shared<const SelectedImages>(std::move(images), std::move(indices));
}

bool is_held_out(std::size_t family, const DataConfig& config) {
  return Rng(family_hash(family, config)).uniform() < config.valid_fraction;
}

std::shared_ptr<const ImageSet> take_split(std::shared_ptr<const ImageSet> images, Split split,
                                           const DataConfig& config) {
  if (split == Split::all) return images;
  std::vector<std::size_t> indices;
  for (std::size_t i = 0; i < images->size(); ++i) {
    if (is_held_out(images->family(i), config) == (split == Split::valid)) indices.push_back(i);
  }
  if (indices.empty())
    throw Error(std::string("--split ") + (split == Split::valid ? "valid" : "train") +
                ": none of the " + std::to_string(images->size()) +
                " images falls into it; change data.valid_fraction or add images");
  if (split == Split::train)
    keep_some(indices, static_cast<std::size_t>(config.train_images), *images, config);
  return select_images(std::move(images), std::move(indices));
}

std::string listing_hash(const ImageSet& images) {
  std::string listing;
  for (std::size_t i = 0; i < images.size(); ++i)
    listing += fs::path(images.name(i)).filename().string() + '\t' +
               images.class_names()[images.label(i)] + '\n';
  return sha256(listing);
}

}  // namespace tessera
