#include "metrics/feature_statistics.h"

#include <algorithm>
#include <cstdio>

#include "base/error.h"
#include "training/weights.h"

namespace tessera {
namespace {

constexpr const char* kFormat = "tessera.statistics/1";

torch::Tensor symmetric_root(const torch::Tensor& matrix) {
  const auto [values, vectors] = torch::linalg_eigh(matrix, "L");
  return vectors.matmul(values.clamp_min(0).sqrt().diag()).matmul(vectors.t());
}

}  // namespace

// Chan, Golub and LeVeque's pairwise update: no cancellation, however far the mean is from 0.
void FeatureStatistics::add(const torch::Tensor& rows) {
  TESSERA_CHECK(rows.dim() == 2);
  if (rows.size(0) == 0) return;
  const auto x = rows.detach().cpu().to(torch::kFloat64);
  const auto mean = x.mean(0), centred = x - mean;
  const auto scatter = centred.t().matmul(centred);
  if (count_ == 0) {
    count_ = x.size(0), mean_ = mean, scatter_ = scatter;
    return;
  }
  TESSERA_CHECK(x.size(1) == mean_.size(0));
  const auto shift = mean - mean_;
  const auto before = static_cast<double>(count_), added = static_cast<double>(x.size(0));
  scatter_ += scatter + torch::outer(shift, shift) * (before * added / (before + added));
  mean_ += shift * (added / (before + added));
  count_ += x.size(0);
}

torch::Tensor FeatureStatistics::mean() const {
  TESSERA_CHECK(count_ > 0);
  return mean_;
}

torch::Tensor FeatureStatistics::covariance() const {
  TESSERA_CHECK(count_ > 1);
  return scatter_ / static_cast<double>(count_ - 1);
}

void FeatureStatistics::save(const fs::path& path, const std::string& feature_space,
                             const std::string& data_hash) const {
  write_tensors(
      path, {{"mean", mean()}, {"covariance", covariance()}, {"count", torch::tensor({count_})}},
      {{"format", kFormat}, {"feature_space", feature_space}, {"data_hash", data_hash}});
}

FeatureStatistics FeatureStatistics::load(const fs::path& path, const std::string& feature_space) {
  const auto file = SafetensorsFile::open(path);
  if (const auto& format = file.metadata_at("format"); format != kFormat)
    throw FileError(path, "format", format, kFormat);
  if (const auto& space = file.metadata_at("feature_space"); space != feature_space)
    throw FileError(path, "feature_space", space, feature_space);
  const auto need = [&](const std::string& name, DType type,
                        const std::vector<std::int64_t>& shape) {
    const auto& tensor = file.at(name);
    if (tensor.type != type || tensor.shape != shape)
      throw FileError(path, name, name_of(tensor.type) + " " + shape_text(tensor.shape),
                      name_of(type) + " " + shape_text(shape));
  };
  const auto features = file.at("mean").shape.empty() ? 0 : file.at("mean").shape[0];
  need("mean", DType::F64, {features});
  need("covariance", DType::F64, {features, features});
  need("count", DType::I64, {1});
  const auto tensors = read_tensors(file);
  FeatureStatistics statistics;
  statistics.count_ = tensors.at("count").item<std::int64_t>();
  if (statistics.count_ < 2)
    throw FileError(path, "count", std::to_string(statistics.count_), "at least 2");
  for (const auto* name : {"mean", "covariance"})
    if (!tensors.at(name).isfinite().all().item<bool>())
      throw FileError(path, name, "a value that is not finite", "numbers");
  statistics.mean_ = tensors.at("mean");
  statistics.scatter_ = tensors.at("covariance") * static_cast<double>(statistics.count_ - 1);
  return statistics;
}

double frechet_distance(const torch::Tensor& mean1, const torch::Tensor& covariance1,
                        const torch::Tensor& mean2, const torch::Tensor& covariance2) {
  TESSERA_CHECK(mean1.sizes() == mean2.sizes() && covariance1.sizes() == covariance2.sizes());
  // C1 C2 has the eigenvalues of the symmetric C1^(1/2) C2 C1^(1/2), which need no complex numbers.
  const auto root = symmetric_root(covariance1);
  const auto product = root.matmul(covariance2).matmul(root);
  const auto values = torch::linalg_eigvalsh((product + product.t()) / 2, "L");
  const double cross = values.clamp_min(0).sqrt().sum().item<double>();
  const double apart = (mean1 - mean2).square().sum().item<double>();
  const double distance =
      apart + (covariance1.trace() + covariance2.trace()).item<double>() - 2 * cross;
  return distance < 0 ? 0 : distance;  // which only rounding makes it; not a number stays so
}

double frechet_distance(const FeatureStatistics& a, const FeatureStatistics& b) {
  return frechet_distance(a.mean(), a.covariance(), b.mean(), b.covariance());
}

double frechet_bias(const FeatureStatistics& a, const FeatureStatistics& b) {
  const auto share = [](const FeatureStatistics& one) {
    return one.covariance().trace().item<double>() / static_cast<double>(one.count());
  };
  return share(a) + share(b);
}

void add_frechet_distance(nlohmann::json& result, const FeatureStatistics& a,
                          const FeatureStatistics& b) {
  result["fd"] = frechet_distance(a, b);
  result["fd_bias"] = frechet_bias(a, b);
  const auto features = a.mean().size(0);
  const auto fewer = std::min(a.count(), b.count());
  result["fd_features"] = features;
  if (fewer > features) return;
  char text[256];
  std::snprintf(text, sizeof text,
                "%lld images for %lld feature dimensions, expected more images than dimensions: fd "
                "is too high, by %.3g on average from the means alone and by more from the "
                "covariances, which are singular",
                static_cast<long long>(fewer), static_cast<long long>(features),
                result["fd_bias"].get<double>());
  result["warnings"].push_back(text);
}

}  // namespace tessera
