#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <mutex>
#include <numeric>

#include "base/error.h"
#include "base/random.h"
#include "dataset/loader.h"
#include "dataset/pixel_cache.h"
#include "dataset/prefetch.h"
#include "image/image.h"

namespace tessera {
namespace {

using Order = std::vector<std::uint32_t>;

// The shuffled order of each epoch, made when first asked for.
class Epochs {
 public:
  Epochs(std::size_t images, std::uint64_t seed) : images_(images), seed_(seed) {}

  std::shared_ptr<const Order> order(std::uint64_t epoch) {
    constexpr std::size_t kKept = 4;  // batches under way seldom reach further
    const std::lock_guard lock(mutex_);
    auto& found = orders_[epoch];
    const auto result = found ? found : (found = shuffled(epoch));
    if (orders_.size() > kKept) orders_.erase(orders_.begin());
    return result;
  }

 private:
  std::shared_ptr<const Order> shuffled(std::uint64_t epoch) const {
    auto order = std::make_shared<Order>(images_);
    std::iota(order->begin(), order->end(), 0);
    Rng rng(mix({seed_, epoch}));
    shuffle(*order, rng);
    return order;
  }

  std::size_t images_;
  std::uint64_t seed_;
  std::mutex mutex_;
  std::map<std::uint64_t, std::shared_ptr<const Order>> orders_;
};

const std::array<float, 256> kFloats = [] {
  std::array<float, 256> floats;
  for (int byte = 0; byte < 256; ++byte)
    floats[byte] = float_from_byte(static_cast<std::uint8_t>(byte));
  return floats;
}();

struct Window {
  int left = 0, top = 0;
  bool mirrored = false;
};

// Cuts [side, side, 3] out of [source_side, source_side, 3].
void cut_window(const std::uint8_t* source, int source_side, const Window& window, int side,
                float* target) {
  for (int y = 0; y < side; ++y) {
    const auto* row =
        source + (static_cast<std::size_t>(window.top + y) * source_side + window.left) * 3;
    for (int x = 0; x < side; ++x) {
      const auto* pixel = row + (window.mirrored ? side - 1 - x : x) * 3;
      for (int c = 0; c < 3; ++c) *target++ = kFloats[pixel[c]];
    }
  }
}

ImageBatch batch_for(int side, std::size_t images) {
  ImageBatch batch{side, {}, {}, {}};
  batch.pixels.resize(images * side * side * 3);
  batch.labels.reserve(images);
  batch.indices.reserve(images);
  return batch;
}

}  // namespace

struct TrainingLoader::Impl {
  Impl(std::shared_ptr<const ImageSet> set, const DataConfig& config, int images_per_batch,
       std::uint64_t seed_, std::int64_t first_step)
      : images(std::move(set)),
        side(config.image_size),
        read_side(static_cast<int>(std::lround(config.image_size * config.crop_scale))),
        flip(config.flip),
        batch_size(images_per_batch),
        seed(seed_),
        epochs(images->size(), seed_),
        cache(*images, read_side, static_cast<std::size_t>(config.cache_megabytes) << 20),
        batches(first_step, std::numeric_limits<std::int64_t>::max(),
                std::max(1, config.loader_threads), [this](std::int64_t step) {
                  return make_batch(static_cast<std::uint64_t>(step));
                }) {}

  ImageBatch make_batch(std::uint64_t step) {
    auto batch = batch_for(side, static_cast<std::size_t>(batch_size));
    std::vector<std::uint8_t> scratch;
    float* target = batch.pixels.data();
    for (int i = 0; i < batch_size; ++i, target += side * side * 3) {
      const std::uint64_t sample = step * batch_size + i;
      const std::uint64_t epoch = sample / images->size(), position = sample % images->size();
      const auto [index, bytes] = read_or_replace(*epochs.order(epoch), position, scratch);
      cut_window(bytes.data(), read_side, random_window(epoch, position), side, target);
      batch.labels.push_back(images->label(index));
      batch.indices.push_back(index);
    }
    return batch;
  }

  // A corrupt image is replaced by the next sound one in the epoch's order.
  std::pair<std::size_t, std::span<const std::uint8_t>> read_or_replace(
      const Order& order, std::size_t position, std::vector<std::uint8_t>& scratch) {
    for (std::size_t tried = 0; tried < order.size(); ++tried) {
      const std::size_t index = order[(position + tried) % order.size()];
      const auto bytes = cache.read(index, scratch);
      if (!bytes.empty()) return {index, bytes};
    }
    throw Error("none of the " + std::to_string(order.size()) +
                " images can be read, the first is " + images->name(0));
  }

  Window random_window(std::uint64_t epoch, std::uint64_t position) const {
    Rng rng(mix({seed, epoch, position}));
    const auto places = static_cast<std::uint64_t>(read_side - side + 1);
    Window window;
    window.mirrored = rng.below(2) == 1 && flip;
    window.left = static_cast<int>(rng.below(places));
    window.top = static_cast<int>(rng.below(places));
    return window;
  }

  std::shared_ptr<const ImageSet> images;
  int side, read_side;  // pixels: of a batch, and of what is read before the crop
  bool flip;
  int batch_size;
  std::uint64_t seed;
  Epochs epochs;
  PixelCache cache;
  Prefetch<ImageBatch> batches;  // last: its threads use all of the above
};

TrainingLoader::TrainingLoader(std::shared_ptr<const ImageSet> images, const DataConfig& config,
                               int batch_size, std::uint64_t seed, std::int64_t first_step) {
  TESSERA_CHECK(batch_size > 0 && first_step >= 0);
  if (images->size() == 0) throw Error("there is no image to train on");
  if (images->size() > std::numeric_limits<std::uint32_t>::max())
    throw Error("there are more than 4 billion images");
  impl_ = std::make_unique<Impl>(std::move(images), config, batch_size, seed, first_step);
}

TrainingLoader::~TrainingLoader() = default;

ImageBatch TrainingLoader::next() { return impl_->batches.next(); }

std::size_t TrainingLoader::corrupt_images() const { return impl_->cache.corrupt_images(); }

}  // namespace tessera
