#include <cmath>
#include <vector>

#include "kernels/group_norm.h"

namespace tessera::kernels {
namespace {

struct Statistics {
  double mean = 0, inverse = 0;
};

Statistics statistics(const GroupNormReference& shape, const double* x, std::size_t group) {
  const std::size_t width = shape.channels / shape.groups;
  const double count = static_cast<double>(width * shape.rows);
  const auto average = [&](auto term) {
    double sum = 0;
    for (std::size_t row = 0; row < shape.rows; ++row)
      for (std::size_t c = group * width; c < (group + 1) * width; ++c)
        sum += term(x[row * shape.channels + c]);
    return sum / count;
  };
  const double mean = average([](double value) { return value; });
  const double variance = average([&](double value) { return (value - mean) * (value - mean); });
  return {mean, 1 / std::sqrt(variance + shape.epsilon)};
}

}  // namespace

void GroupNormReference::forward(const double* x, const double* weight, const double* bias,
                                 double* y) const {
  for (std::size_t group = 0; group < groups; ++group) {
    const auto [mean, inverse] = statistics(*this, x, group);
    for (std::size_t row = 0; row < rows; ++row)
      for (std::size_t c = group * channels / groups; c < (group + 1) * channels / groups; ++c) {
        const std::size_t at = row * channels + c;
        const double z = weight[c] * (x[at] - mean) * inverse + bias[c];
        y[at] = silu ? z / (1 + std::exp(-z)) : z;
      }
  }
}

void GroupNormReference::backward(const double* x, const double* weight, const double* bias,
                                  const double* dy, double* dx, double* weight_gradient,
                                  double* bias_gradient) const {
  const double count = static_cast<double>(rows * channels / groups);
  std::vector<double> dz(rows * channels), xhat(rows * channels);
  for (std::size_t group = 0; group < groups; ++group) {
    const auto [mean, inverse] = statistics(*this, x, group);
    double along_one = 0, along_xhat = 0;
    for (std::size_t row = 0; row < rows; ++row)
      for (std::size_t c = group * channels / groups; c < (group + 1) * channels / groups; ++c) {
        const std::size_t at = row * channels + c;
        xhat[at] = (x[at] - mean) * inverse;
        const double z = weight[c] * xhat[at] + bias[c], s = 1 / (1 + std::exp(-z));
        dz[at] = silu ? dy[at] * (s + z * s * (1 - s)) : dy[at];
        bias_gradient[c] += dz[at];
        weight_gradient[c] += dz[at] * xhat[at];
        along_one += weight[c] * dz[at];
        along_xhat += weight[c] * dz[at] * xhat[at];
      }
    for (std::size_t row = 0; row < rows; ++row)
      for (std::size_t c = group * channels / groups; c < (group + 1) * channels / groups; ++c) {
        const std::size_t at = row * channels + c;
        dx[at] = inverse * (weight[c] * dz[at] - (along_one + xhat[at] * along_xhat) / count);
      }
  }
}

}  // namespace tessera::kernels
