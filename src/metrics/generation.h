#pragma once

#include <nlohmann/json.hpp>

#include "features/feature_net.h"
#include "metrics/feature_statistics.h"
#include "metrics/image_batches.h"
#include "metrics/neighbours.h"

namespace tessera {

/// Features [N, D] float32 of every image, rounded to 8 bits first, as a file would hold it.
torch::Tensor features_of(const FeatureNet& net, const ImageBatches& images);

/// What generated images are held against, measured once and compared with many: real held-out
/// images, or a tokenizer's reconstructions of them.
class GenerationReference {
 public:
  /// At most `neighbour_rows` images of each side, evenly spread, enter precision, recall, density
  /// and coverage.
  GenerationReference(FeatureNet net, const ImageBatches& images,
                      std::int64_t neighbour_rows = 10000);

  const FeatureNet& net() const { return net_; }
  const FeatureStatistics& statistics() const { return statistics_; }
  const torch::Tensor& rows() const { return rows_; }  ///< [N, D] float32
  std::int64_t neighbour_rows() const { return neighbour_rows_; }

 private:
  FeatureNet net_;
  torch::Tensor rows_;
  FeatureStatistics statistics_;
  std::int64_t neighbour_rows_;
};

/// The Frechet distance alone: cheap enough for a search over guidance.
double frechet_distance_to(const GenerationReference& reference,
                           const torch::Tensor& generated_rows);

/// {"fd", "precision", "recall", "density", "coverage", "images", "real_images",
/// "neighbour_images", "feature_space"}.
nlohmann::json compare(const GenerationReference& reference, const ImageBatches& generated);
nlohmann::json compare(const GenerationReference& reference, const torch::Tensor& generated_rows);

/// How near generated images are to training images, beside the same for held-out real images:
/// copies would be nearer.
/// {"features": {"generated": {"mean", "median", "least"}, "held_out": {..}}, "pixels": {..},
/// "train_images", "generated_images", "held_out_images"}. Distances are Euclidean in feature
/// space; for pixels the root of the mean square difference, pixels in [-1, 1]. Without `net` only
/// pixels. Generated and held-out images are kept in memory.
nlohmann::json nearest_train(const FeatureNet* net, const ImageBatches& train,
                             const ImageBatches& generated, const ImageBatches& held_out);

}  // namespace tessera
