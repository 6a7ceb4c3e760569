#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/run_options.h"
#include "recipe/data_config.h"

namespace tessera {

struct DataInfoOptions : RunOptions {
  std::vector<std::string> data;
  DataConfig config;   ///< says how the set is split
  bool check = false;  ///< decode every image and count the corrupt ones
};

/// What a data set holds: `images`, `classes` (name and images of each), `stored_sizes` of a sample
/// of 100 (smallest and largest), `train_images`, `valid_images`, `listing_sha256`, `passed_over`
/// (files by kind), `left_out` (hidden and system files), `classes_without_images`, `warnings`, and
/// with check `corrupt_images`, `corrupt` (a line each) and `end_mark_missing` (images that are
/// read all the same).
nlohmann::json describe_images(const DataInfoOptions& options);

struct LoaderBenchOptions : RunOptions {
  std::vector<std::string> data;
  int batch_size = 128;     ///< images
  int image_size = 32;      ///< pixels per side
  int most_images = 20000;  ///< evenly spread over a larger set
};

/// Speed of TrainingLoader on images of this set: `decode_images_per_second` in the first epoch,
/// then from the cache `images_per_second` (median of 20 runs, `slowest` and `fastest`) and
/// `milliseconds_per_batch`.
nlohmann::json bench_loader(const LoaderBenchOptions& options);

}  // namespace tessera
