#pragma once

#include <torch/torch.h>

namespace tessera {

// Two types, so that real and generated cannot change places unnoticed: precision is the recall of
// the swapped sets.

/// Feature rows [N, D] of real images.
struct RealFeatures {
  torch::Tensor rows;
};
/// Feature rows [N, D] of generated images.
struct GeneratedFeatures {
  torch::Tensor rows;
};

struct SampleQuality {
  double precision = 0;  ///< share of generated inside some real image's ball
  double recall = 0;     ///< share of real inside some generated image's ball
  double density = 0;    ///< real balls around a generated image, on average, divided by k
  double coverage = 0;   ///< share of real balls that hold a generated image
};

/// Precision and recall with balls reaching the 3rd nearest neighbour of the same set (Kynkaanniemi
/// et al. 2019); density and coverage with balls reaching the 5th (Naeem et al. 2020). Balls are
/// closed. Distances are computed block by block, so memory grows with N, not its square. Throws
/// Error unless each set has at least 6 rows.
SampleQuality sample_quality(const RealFeatures& real, const GeneratedFeatures& generated);

/// For each of a fixed set of query rows the distance to the nearest of many rows, which pass by in
/// batches.
class NearestDistance {
 public:
  /// Queries [Q, D]; a copy is kept in float32.
  explicit NearestDistance(const torch::Tensor& queries);
  /// Rows [N, D].
  void add(const torch::Tensor& rows);
  /// [Q] float64 Euclidean distances (an exact copy gives exactly 0); infinite before anything was
  /// added.
  torch::Tensor distances() const { return squared_.sqrt(); }

 private:
  torch::Tensor queries_, lengths_, squared_;
};

}  // namespace tessera
