#include "dataset/describe.h"

#include <algorithm>
#include <thread>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/progress.h"
#include "base/version.h"
#include "dataset/loader.h"

namespace tessera {
namespace {

nlohmann::json count_classes(const ImageSet& images) {
  std::vector<std::size_t> counts(images.class_names().size());
  for (std::size_t i = 0; i < images.size(); ++i) ++counts[images.label(i)];
  auto classes = nlohmann::json::array();
  for (std::size_t i = 0; i < counts.size(); ++i)
    classes.push_back({{"name", images.class_names()[i]}, {"images", counts[i]}});
  return classes;
}

nlohmann::json sample_sizes(const ImageSet& images) {
  constexpr std::size_t kSample = 100;
  std::vector<std::pair<int, int>> sizes;
  const std::size_t count = std::min(kSample, images.size());
  for (std::size_t i = 0; i < count; ++i) try {
      sizes.push_back(images.stored_size(i * images.size() / count));
    } catch (const FileError&) {  // --check counts them
    }
  if (sizes.empty()) return nullptr;
  const auto area = [](std::pair<int, int> size) { return std::int64_t{size.first} * size.second; };
  const auto [smallest, largest] = std::ranges::minmax_element(sizes, {}, area);
  return {{"smallest", *smallest}, {"largest", *largest}, {"sampled", sizes.size()}};
}

std::size_t count_held_out(const ImageSet& images, const DataConfig& config) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < images.size(); ++i) count += is_held_out(images.family(i), config);
  return count;
}

std::size_t count_corrupt(const ImageSet& images, const DataInfoOptions& options) {
  DataConfig config = options.config;
  const auto cores = static_cast<int>(std::thread::hardware_concurrency());
  config.loader_threads = options.threads > 0 ? options.threads : std::max(1, cores);
  constexpr int kBatch = 64;
  Progress progress("checking", static_cast<std::int64_t>(images.size()), options.quiet);
  std::int64_t sound = 0;
  const auto corrupt = for_each_batch(images, config, kBatch, 0, [&](const ImageBatch& batch) {
    stop_if_interrupted();
    progress.update(sound += std::ssize(batch.indices));
  });
  progress.finish();
  return corrupt;
}

}  // namespace

nlohmann::json describe_images(const DataInfoOptions& options) {
  options.config.validate();
  const auto images = open_images(options.data);
  auto result = made_by(options.seed);
  const auto held_out = count_held_out(*images, options.config);
  result["data"] = options.data;
  result["images"] = images->size();
  result["classes"] = count_classes(*images);
  result["stored_sizes"] = sample_sizes(*images);
  result["train_images"] = images->size() - held_out;
  result["valid_images"] = held_out;
  result["listing_sha256"] = listing_hash(*images);
  if (options.check) result["corrupt_images"] = count_corrupt(*images, options);
  return result;
}

}  // namespace tessera
