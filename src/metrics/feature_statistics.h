#pragma once

#include <torch/torch.h>

#include "base/files.h"

namespace tessera {

/// Running mean and covariance of feature vectors, in float64.
class FeatureStatistics {
 public:
  /// Adds rows [N, D]. The first call sets D.
  void add(const torch::Tensor& rows);
  std::int64_t count() const { return count_; }
  /// [D] float64; at least one row must have been added.
  torch::Tensor mean() const;
  /// [D, D] float64, divided by count - 1; at least two rows must have been added.
  torch::Tensor covariance() const;

  /// Writes tessera.statistics/1, safetensors; `feature_space` is the network's hash, `data_hash`
  /// the images'.
  void save(const fs::path& path, const std::string& feature_space,
            const std::string& data_hash) const;
  /// Throws FileError on junk, or when the statistics are of another feature space.
  static FeatureStatistics load(const fs::path& path, const std::string& feature_space);

 private:
  std::int64_t count_ = 0;
  torch::Tensor mean_, scatter_;  // scatter: sum of (x - mean)(x - mean)^T
};

/// Frechet distance of two Gaussians (Dowson and Landau 1982): |m1 - m2|^2 + tr(C1 + C2 - 2 (C1
/// C2)^(1/2)), never below 0. Means are [D], covariances [D, D], all float64.
double frechet_distance(const torch::Tensor& mean1, const torch::Tensor& covariance1,
                        const torch::Tensor& mean2, const torch::Tensor& covariance2);
double frechet_distance(const FeatureStatistics& a, const FeatureStatistics& b);

/// What the distance is too high by on average, at the least, since means are taken of so many
/// samples: tr(C1) / n1 + tr(C2) / n2. Covariances of few samples add to it.
double frechet_bias(const FeatureStatistics& a, const FeatureStatistics& b);

/// Writes fd, fd_bias and fd_features, and adds to "warnings" if one side has no more samples than
/// there are feature dimensions.
void add_frechet_distance(nlohmann::json& result, const FeatureStatistics& a,
                          const FeatureStatistics& b);

}  // namespace tessera
