#include "study/separable_fit.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace tessera {
namespace {

constexpr double kFlattest = 0.01, kSteepest = 4;
constexpr int kAlphas = 40, kRounds = 30, kGoldenSteps = 30;
// Huber's bend, in standard deviations; a normal error's squares cut there keep kKept of their sum.
constexpr double kBend = 1.5, kKept = 0.7785;
constexpr double kParameters = 3;

double median_size(std::vector<double> errors) {
  for (auto& error : errors) error = std::abs(error);
  const auto middle = errors.begin() + std::ssize(errors) / 2;
  std::nth_element(errors.begin(), middle, errors.end());
  return *middle;
}

// Huber's second proposal: squares beyond the bend count as the bend's. The start from the median
// keeps far outliers from hiding themselves.
double scale_of(const std::vector<double>& errors) {
  const auto count = static_cast<double>(errors.size());
  const double freedom = std::max(1.0, count - kParameters);
  double scale = median_size(errors) / 0.6745 * std::sqrt(count / freedom);
  for (int round = 0; round < 10; ++round) {
    double sum = 0;
    for (const double error : errors) sum += std::min(error * error, kBend * kBend * scale * scale);
    scale = std::sqrt(sum / (freedom * kKept));
  }
  return scale;
}

}  // namespace

SeparableFit::SeparableFit(const std::vector<double>& flops) {
  log_lowest_ = std::log(*std::min_element(flops.begin(), flops.end()));
  for (const double each : flops) log_flops_.push_back(std::log(each) - log_lowest_);
  for (int k = 0; k < kAlphas; ++k) {
    alphas_.push_back(-kFlattest * std::pow(kSteepest / kFlattest, k / (kAlphas - 1.0)));
    powers_.push_back(powers(alphas_.back()));
  }
}

std::vector<double> SeparableFit::powers(double alpha) const {
  std::vector<double> result;
  result.reserve(log_flops_.size());
  for (const double x : log_flops_) result.push_back(std::exp(alpha * x));
  return result;
}

// Weighted least squares of two coefficients, neither below 0.
SeparableFit::Line SeparableFit::line_of(double alpha, const std::vector<double>& powers,
                                         const Data& data) {
  double weight = 0, mean_power = 0, mean_value = 0;
  const auto count = powers.size();
  for (std::size_t i = 0; i < count; ++i) {
    weight += data.weights[i];
    mean_power += data.weights[i] * powers[i];
    mean_value += data.weights[i] * data.values[i];
  }
  mean_power /= weight, mean_value /= weight;
  double square = 0, product = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const double power = powers[i] - mean_power;
    square += data.weights[i] * power * power;
    product += data.weights[i] * power * (data.values[i] - mean_value);
  }
  Line line{.alpha = alpha, .l_min = mean_value};
  if (square > 0 && product > 0) {
    line.scale = product / square;
    line.l_min = mean_value - line.scale * mean_power;
    if (line.l_min < 0) {
      line.l_min = 0;
      line.scale = (product + weight * mean_power * mean_value) /
                   (square + weight * mean_power * mean_power);
    }
  }
  for (std::size_t i = 0; i < count; ++i) {
    const double error = data.values[i] - line.l_min - line.scale * powers[i];
    line.cost += data.weights[i] * error * error;
  }
  return line;
}

SeparableFit::Line SeparableFit::best_line(const Data& data) const {
  std::size_t best = 0;
  Line result{.cost = std::numeric_limits<double>::infinity()};
  for (std::size_t k = 0; k < alphas_.size(); ++k) {
    const auto line = line_of(alphas_[k], powers_[k], data);
    if (line.cost < result.cost) best = k, result = line;
  }
  double flat = alphas_[best == 0 ? 0 : best - 1];
  double steep = alphas_[std::min(best + 1, alphas_.size() - 1)];
  const auto at = [&](double alpha) { return line_of(alpha, powers(alpha), data); };
  const double part = 1 / std::numbers::phi;  // golden section
  auto low = at(flat - part * (flat - steep));
  auto high = at(steep + part * (flat - steep));
  for (int i = 0; i < kGoldenSteps && flat - steep > 1e-6 * -flat; ++i) {
    if (low.cost < high.cost) {
      flat = high.alpha, high = low;
      low = at(flat - part * (flat - steep));
    } else {
      steep = low.alpha, low = high;
      high = at(steep + part * (flat - steep));
    }
    for (const auto& line : {low, high})
      if (line.cost < result.cost) result = line;
  }
  return result;
}

// Relative to the line.
std::vector<double> SeparableFit::errors(const Line& line,
                                         const std::vector<double>& values) const {
  auto result = powers(line.alpha);
  for (std::size_t i = 0; i < values.size(); ++i)
    result[i] = values[i] / (line.l_min + line.scale * result[i]) - 1;
  return result;
}

SeparableFit::Result SeparableFit::fit(const std::vector<double>& values) const {
  std::vector<double> weights;
  for (const double value : values) weights.push_back(1 / (value * value));
  Line line;
  double scale = 0, before = 0;
  for (int round = 0; round < kRounds; ++round) {
    line = best_line({values, weights});
    const auto wrong = errors(line, values);
    scale = scale_of(wrong);
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double expected = values[i] / (1 + wrong[i]), size = std::abs(wrong[i]);
      weights[i] = (size > kBend * scale ? kBend * scale / size : 1) / (expected * expected);
    }
    if (std::abs(line.alpha - before) < 1e-4 * -line.alpha) break;
    before = line.alpha;
  }
  return {{line.l_min, line.alpha, std::log(line.scale) - line.alpha * log_lowest_}, scale};
}

}  // namespace tessera
