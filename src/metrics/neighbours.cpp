#include "metrics/neighbours.h"

#include "base/error.h"
#include "base/interrupt.h"

namespace tessera {
namespace {

constexpr int kPrecisionNeighbours = 3, kDensityNeighbours = 5;
constexpr std::int64_t kBlockRows = 512;

// [N, M] squared Euclidean distances of rows; exact enough in float64 for features of any offset
// that occurs.
torch::Tensor squared_distances(const torch::Tensor& a, const torch::Tensor& b) {
  return torch::addmm(a.square().sum(1, true) + b.square().sum(1), a, b.t(), 1, -2).clamp_min_(0);
}

struct Radii {
  torch::Tensor precision,
      density;  // [N] squared distance to the 3rd and 5th nearest of the same set
};

Radii radii_of(const torch::Tensor& rows) {
  std::vector<torch::Tensor> precision, density;
  for (std::int64_t start = 0; start < rows.size(0); start += kBlockRows) {
    stop_if_interrupted();
    const auto block = rows.narrow(0, start, std::min(kBlockRows, rows.size(0) - start));
    auto distances = squared_distances(block, rows);
    distances.diagonal(start).zero_();  // a row's distance to itself, free of rounding
    const auto nearest = std::get<0>(distances.topk(kDensityNeighbours + 1, 1, /*largest=*/false));
    precision.push_back(nearest.select(1, kPrecisionNeighbours));  // column 0 is the row itself
    density.push_back(nearest.select(1, kDensityNeighbours));
  }
  return {torch::cat(precision), torch::cat(density)};
}

void check(const torch::Tensor& rows, const char* which) {
  TESSERA_CHECK(rows.dim() == 2);
  if (rows.size(0) <= kDensityNeighbours)
    throw Error("there are " + std::to_string(rows.size(0)) + " " + which +
                " images, expected at least " + std::to_string(kDensityNeighbours + 1) +
                " for precision, recall, density and coverage");
}

double share(const torch::Tensor& flags) { return flags.to(torch::kFloat64).mean().item<double>(); }

}  // namespace

SampleQuality sample_quality(const RealFeatures& real_features,
                             const GeneratedFeatures& generated_features) {
  check(real_features.rows, "real");
  check(generated_features.rows, "generated");
  const auto centre = real_features.rows.to(torch::kFloat64).mean(0);
  const auto real = real_features.rows.to(torch::kFloat64) - centre;
  const auto generated = generated_features.rows.to(torch::kFloat64) - centre;
  const auto real_radii = radii_of(real), generated_radii = radii_of(generated);

  const auto none = torch::zeros({real.size(0)}, torch::kBool);
  auto recalled = none, covered = none;
  std::int64_t precise = 0, balls = 0;
  for (std::int64_t start = 0; start < generated.size(0); start += kBlockRows) {
    stop_if_interrupted();
    const auto rows = std::min(kBlockRows, generated.size(0) - start);
    const auto distances = squared_distances(generated.narrow(0, start, rows), real);  // [rows, N]
    precise += (distances <= real_radii.precision).any(1).sum().item<std::int64_t>();
    recalled = recalled |
               (distances <= generated_radii.precision.narrow(0, start, rows).unsqueeze(1)).any(0);
    const auto inside = distances <= real_radii.density;
    balls += inside.sum().item<std::int64_t>();
    covered = covered | inside.any(0);
  }
  const auto count = static_cast<double>(generated.size(0));
  return {.precision = static_cast<double>(precise) / count,
          .recall = share(recalled),
          .density = static_cast<double>(balls) / (kDensityNeighbours * count),
          .coverage = share(covered)};
}

NearestDistance::NearestDistance(const torch::Tensor& queries)
    : queries_(queries.to(torch::kFloat32).contiguous()),
      lengths_(queries_.square().sum(1, true)),
      squared_(torch::full({queries.size(0)}, std::numeric_limits<double>::infinity(),
                           torch::kFloat64)) {}

void NearestDistance::add(const torch::Tensor& rows) {
  const auto candidates = rows.to(torch::kFloat32);
  const auto rough =
      torch::addmm(lengths_ + candidates.square().sum(1), queries_, candidates.t(), 1, -2);
  // The product cancels for near copies, so the winner's distance is computed again from the
  // difference.
  const auto nearest = candidates.index_select(0, rough.argmin(1));
  const auto exact = (queries_ - nearest).to(torch::kFloat64).square().sum(1);
  squared_ = torch::minimum(squared_, exact.cpu());
}

}  // namespace tessera
