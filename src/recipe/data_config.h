#pragma once

#include <string>

#include "base/error.h"

namespace tessera {

/// Table [data]: how images are read, cut to size, split and augmented.
struct DataConfig {
  int image_size = 32;
  double crop_scale = 1.0;
  bool flip = true;
  double valid_fraction = 0.1;
  std::int64_t split_seed = 0;
  std::int64_t train_images = 0;
  int loader_threads = 2;
  int cache_megabytes = 2048;

  void visit(auto&& field) {
    field("image_size", image_size, "pixels per side of the square images a model sees");
    field(
        "crop_scale", crop_scale,
        "training images are resized to image_size x this, then a random crop is taken; 1 is none");
    field("flip", flip, "mirror training images left to right with probability 1/2");
    field("valid_fraction", valid_fraction,
          "share of the images that --split valid holds out, chosen by a hash of their position");
    field("split_seed", split_seed, "another number holds out other images");
    field("train_images", train_images,
          "images that --split train keeps at most, chosen by a hash of their position, so that "
          "fewer are among more; 0 is all");
    field("loader_threads", loader_threads, "threads that read and decode images");
    field("cache_megabytes", cache_megabytes,
          "decoded images kept in memory, so that each is decoded once; 0 decodes at every visit");
  }
  void validate() const;
};

}  // namespace tessera
