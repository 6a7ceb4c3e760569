#include "metrics/generation.h"

#include "base/error.h"
#include "metrics/pixel_errors.h"

namespace tessera {
namespace {

// `count` rows, evenly spread.
torch::Tensor spread_rows(const torch::Tensor& rows, std::int64_t count) {
  if (rows.size(0) <= count) return rows;
  return rows.index_select(0, (torch::arange(count) * rows.size(0)).floor_divide(count));
}

FeatureStatistics statistics_of(const torch::Tensor& rows) {
  FeatureStatistics statistics;
  for (const auto& block : rows.split(4096)) statistics.add(block);
  return statistics;
}

nlohmann::json summary(const torch::Tensor& distances) {
  return {{"mean", distances.mean().item<double>()},
          {"median", distances.median().item<double>()},
          {"least", distances.min().item<double>()}};
}

// A covariance needs two.
void require_pair(const torch::Tensor& generated_rows) {
  if (generated_rows.size(0) < 2) throw Error("there is one generated image, expected at least 2");
}

torch::Tensor pixels_of(const ImageBatches& images) {  // [N, 3*H*W]
  std::vector<torch::Tensor> rows;
  images([&](const torch::Tensor& batch) { rows.push_back(as_8_bit(batch).cpu().flatten(1)); });
  if (rows.empty()) throw Error("there are no images to compare");
  return torch::cat(rows);
}

// The same distances for both sets of queries, in features or in pixels.
struct Nearest {
  NearestDistance generated, held_out;
  void add(const torch::Tensor& rows) {
    generated.add(rows);
    held_out.add(rows);
  }
  nlohmann::json summary(double unit) const {
    return {{"generated", tessera::summary(generated.distances() / unit)},
            {"held_out", tessera::summary(held_out.distances() / unit)}};
  }
};

}  // namespace

torch::Tensor features_of(const FeatureNet& net, const ImageBatches& images) {
  torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> rows;
  images([&](const torch::Tensor& batch) { rows.push_back(net.features(as_8_bit(batch)).cpu()); });
  if (rows.empty()) throw Error("there are no images to take features of");
  return torch::cat(rows);
}

GenerationReference::GenerationReference(FeatureNet net, const ImageBatches& images,
                                         std::int64_t neighbour_rows)
    : net_(std::move(net)),
      rows_(features_of(net_, images)),
      statistics_(statistics_of(rows_)),
      neighbour_rows_(neighbour_rows) {
  if (rows_.size(0) < 2) throw Error("there is one real image, expected at least 2");
}

double frechet_distance_to(const GenerationReference& reference,
                           const torch::Tensor& generated_rows) {
  require_pair(generated_rows);
  return frechet_distance(reference.statistics(), statistics_of(generated_rows));
}

nlohmann::json compare(const GenerationReference& reference, const torch::Tensor& generated_rows) {
  const auto rows =
      std::min({reference.neighbour_rows(), reference.rows().size(0), generated_rows.size(0)});
  require_pair(generated_rows);
  nlohmann::json result = {{"images", generated_rows.size(0)},
                           {"real_images", reference.rows().size(0)},
                           {"neighbour_images", rows},
                           {"feature_space", reference.net().hash()}};
  add_frechet_distance(result, reference.statistics(), statistics_of(generated_rows));
  // Sets of equal size: the measures depend on it.
  const auto quality = sample_quality(RealFeatures{spread_rows(reference.rows(), rows)},
                                      GeneratedFeatures{spread_rows(generated_rows, rows)});
  result.update({{"precision", quality.precision},
                 {"recall", quality.recall},
                 {"density", quality.density},
                 {"coverage", quality.coverage}});
  return result;
}

nlohmann::json compare(const GenerationReference& reference, const ImageBatches& generated) {
  return compare(reference, features_of(reference.net(), generated));
}

nlohmann::json nearest_train(const FeatureNet* net, const ImageBatches& train,
                             const ImageBatches& generated, const ImageBatches& held_out) {
  torch::NoGradGuard no_grad;
  const auto generated_pixels = pixels_of(generated), held_out_pixels = pixels_of(held_out);
  Nearest in_pixels{NearestDistance(generated_pixels), NearestDistance(held_out_pixels)};
  std::optional<Nearest> in_features;
  if (net)
    in_features = Nearest{NearestDistance(features_of(*net, generated)),
                          NearestDistance(features_of(*net, held_out))};
  std::int64_t count = 0;
  train([&](const torch::Tensor& batch) {
    const auto images = as_8_bit(batch);
    in_pixels.add(images.cpu().flatten(1));
    if (net) in_features->add(net->features(images).cpu());
    count += batch.size(0);
  });
  nlohmann::json result = {{"pixels", in_pixels.summary(std::sqrt(generated_pixels.size(1)))},
                           {"train_images", count},
                           {"generated_images", generated_pixels.size(0)},
                           {"held_out_images", held_out_pixels.size(0)}};
  if (net) result["features"] = in_features->summary(1);
  return result;
}

}  // namespace tessera
