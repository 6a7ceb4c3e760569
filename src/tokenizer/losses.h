#pragma once

#include <torch/torch.h>

#include <string>
#include <utility>
#include <vector>

namespace tessera {

/// The losses of one batch: what is minimised, and every term by name for the log.
struct Losses {
  torch::Tensor total;
  torch::Tensor reconstruction;  ///< the part of `total` that compares images
  torch::Tensor decoded;         ///< [B, 3, H, W], with its graph
  std::vector<std::pair<std::string, torch::Tensor>> terms;

  /// Adds weight * value to the total and `value` to the terms; nothing if the weight is 0.
  void add(const std::string& name, double weight, const torch::Tensor& value);
  /// Adds `share` of the terms and the reconstruction of a part of the batch, for the log.
  void add_share(const Losses& part, double share);
  /// A number for the log alone.
  void note(const std::string& name, double value);
};

}  // namespace tessera
