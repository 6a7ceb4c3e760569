#include "dataset/describe.h"

#include <algorithm>
#include <iterator>
#include <thread>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/progress.h"
#include "base/version.h"
#include "dataset/image_set.h"
#include "dataset/prefetch.h"

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

// A run of images, each read whole.
struct Checked {
  std::vector<std::string> corrupt;  // a line each
  std::size_t end_mark_missing = 0;
};

Checked check_run(const ImageSet& images, std::size_t begin, std::size_t end) {
  Checked checked;
  for (auto i = begin; i < end; ++i) try {
      checked.end_mark_missing += images.check(i).end_mark_missing;
    } catch (const FileError& error) {
      checked.corrupt.emplace_back(error.what());
    }
  return checked;
}

Checked check_all(const ImageSet& images, const DataInfoOptions& options) {
  constexpr std::size_t kRun = 64;
  const auto cores = static_cast<int>(std::thread::hardware_concurrency());
  const int threads = options.threads > 0 ? options.threads : std::max(1, cores);
  const auto size = images.size();
  const auto runs = static_cast<std::int64_t>((size + kRun - 1) / kRun);
  Progress progress("checking", static_cast<std::int64_t>(size), options.quiet);
  Prefetch<Checked> checking(0, runs, threads, [&](std::int64_t run) {
    const auto begin = static_cast<std::size_t>(run) * kRun;
    return check_run(images, begin, std::min(size, begin + kRun));
  });
  Checked all;
  for (std::int64_t run = 0; run < runs; ++run) {
    stop_if_interrupted();
    auto checked = checking.next();
    std::ranges::move(checked.corrupt, std::back_inserter(all.corrupt));
    all.end_mark_missing += checked.end_mark_missing;
    progress.update(
        static_cast<std::int64_t>(std::min(size, (static_cast<std::size_t>(run) + 1) * kRun)));
  }
  progress.finish();
  return all;
}

}  // namespace

nlohmann::json describe_images(const DataInfoOptions& options) {
  options.config.validate();
  DataNotes notes;
  const auto images = open_images(options.data, &notes);
  auto result = made_by(options.seed);
  const auto held_out = count_held_out(*images, options.config);
  result["data"] = options.data;
  result["images"] = images->size();
  result["classes"] = count_classes(*images);
  result["stored_sizes"] = sample_sizes(*images);
  result["train_images"] = images->size() - held_out;
  result["valid_images"] = held_out;
  result["listing_sha256"] = listing_hash(*images);
  result["passed_over"] = notes.passed_over;
  result["left_out"] = notes.left_out;
  result["classes_without_images"] = notes.classes_without_images;
  result["warnings"] = notes.warnings();
  if (options.check) {
    const auto checked = check_all(*images, options);
    result["corrupt_images"] = checked.corrupt.size();
    result["corrupt"] = checked.corrupt;
    result["end_mark_missing"] = checked.end_mark_missing;
  }
  return result;
}

}  // namespace tessera
