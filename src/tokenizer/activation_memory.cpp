#include "tokenizer/activation_memory.h"

#include <algorithm>

#include "base/available_memory.h"

namespace tessera {

double least_activation_bytes(const TokenizerConfig& config, int grid_rows, int grid_columns,
                              std::int64_t images) {
  constexpr double kMaps = 2;           // what a layer reads and what it writes
  constexpr double kBytesOfMap = 2;     // bf16; twice that in float32
  constexpr double kBytesOfScores = 4;  // softmax works in float32
  const double tokens = static_cast<double>(grid_rows) * grid_columns;
  const double pixels = tokens * config.downsampling() * config.downsampling();
  const double maps = kMaps * kBytesOfMap * pixels * config.channels;
  const double attention = kMaps * kBytesOfScores * tokens * tokens;
  return static_cast<double>(images) * std::max(maps, attention);
}

void require_activation_memory(const TokenizerConfig& config, int image_size, std::int64_t images,
                               const std::string& where) {
  const int grid = image_size / config.downsampling();
  require_memory(least_activation_bytes(config, grid, grid, images),
                 where + ": an image of " + std::to_string(grid) + " x " + std::to_string(grid) +
                     " tokens" + (images > 1 ? ", " + std::to_string(images) + " at a time," : ""));
}

}  // namespace tessera
