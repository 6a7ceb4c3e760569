#pragma once

#include <functional>
#include <vector>

#include "generator/generator.h"

namespace tessera {

/// Images to draw.
struct SampleRequest : SamplingConfig {
  std::vector<std::int64_t>
      labels;  ///< class of each image; the number of classes is the null class
  torch::Tensor
      kept;  ///< [P] int64: the first P < T tokens of every image; undefined: all are drawn
  std::uint64_t seed = 0;  ///< image i draws from mix({seed, i}), whatever else is drawn
  int batch =
      256;  ///< images at a time, at most; fewer if their KV cache would take more than 4 GB
};

/// Codes [images, T] int64 on the CPU. With guidance (cfg other than 1) two rows are stepped per
/// image, up to the last token that cfg_schedule guides. `progress` hears how many images are done.
/// Throws Interrupted on Ctrl-C.
torch::Tensor sample_tokens(Transformer& model, bool bf16, const SampleRequest& request,
                            const std::function<void(std::int64_t)>& progress = {});
torch::Tensor sample_tokens(Generator& generator, const SampleRequest& request,
                            const std::function<void(std::int64_t)>& progress = {});

}  // namespace tessera
