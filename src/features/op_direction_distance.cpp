#include "features/op_direction_distance.h"

#include <ATen/Parallel.h>

#include <cmath>

#include "base/error.h"

namespace tessera {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Keeps the direction of a feature vector defined where every ReLU is off.
constexpr double kLengthEpsilon = 1e-4;

template <typename Real>
struct Products {
  Real aa = 0, bb = 0, ab = 0;
};

// Partial sums side by side, so that the compiler may use vectors without reordering.
template <typename Scalar, typename Real>
Products<Real> products(const Scalar* a, const Scalar* b, std::int64_t count) {
  constexpr int kLanes = 16;
  Real aa[kLanes] = {}, bb[kLanes] = {}, ab[kLanes] = {};
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes)
    for (int lane = 0; lane < kLanes; ++lane) {
      const auto x = static_cast<Real>(a[i + lane]), y = static_cast<Real>(b[i + lane]);
      aa[lane] += x * x, bb[lane] += y * y, ab[lane] += x * y;
    }
  Products<Real> sum;
  for (; i < count; ++i) {
    const auto x = static_cast<Real>(a[i]), y = static_cast<Real>(b[i]);
    sum.aa += x * x, sum.bb += y * y, sum.ab += x * y;
  }
  for (int lane = 0; lane < kLanes; ++lane)
    sum.aa += aa[lane], sum.bb += bb[lane], sum.ab += ab[lane];
  return sum;
}

// |a/|a| - b/|b||^2 with softened lengths.
template <typename Real>
Real distance_of(const Products<Real>& p) {
  const Real a = p.aa + Real(kLengthEpsilon), b = p.bb + Real(kLengthEpsilon);
  return p.aa / a + p.bb / b - 2 * p.ab / std::sqrt(a * b);
}

// Its gradient with respect to a is own * a + other * b; for b's, swap the roles.
template <typename Real>
struct Coefficients {
  Real own, other;
};

template <typename Real>
Coefficients<Real> gradient_of(Real aa, Real bb, Real ab) {
  const Real a = aa + Real(kLengthEpsilon), b = bb + Real(kLengthEpsilon);
  const Real scale = 1 / std::sqrt(a * b);
  return {2 * (Real(kLengthEpsilon) / (a * a) + ab * scale / a), -2 * scale};
}

template <typename Scalar>
using RealOf = std::conditional_t<std::is_same_v<Scalar, double>, double, float>;

// Calls `at_position(image, offset)` for each feature vector; an image is always one thread's.
template <typename AtPosition>
void for_each_position(const torch::Tensor& maps, const AtPosition& at_position) {
  const std::int64_t positions = maps.size(2) * maps.size(3), channels = maps.size(1);
  at::parallel_for(0, maps.size(0), 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t image = first; image < last; ++image)
      for (std::int64_t p = 0; p < positions; ++p)
        at_position(image, (image * positions + p) * channels);
  });
}

struct DirectionDistance : torch::autograd::Function<DirectionDistance> {
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& a_map,
                               const torch::Tensor& b_map) {
    TESSERA_CHECK(a_map.dim() == 4 && a_map.sizes() == b_map.sizes());
    TESSERA_CHECK(a_map.scalar_type() == b_map.scalar_type());
    const auto a = a_map.contiguous(at::MemoryFormat::ChannelsLast);
    const auto b = b_map.contiguous(at::MemoryFormat::ChannelsLast);
    context->save_for_backward({a, b});
    const bool wide = a.scalar_type() == torch::kFloat64;
    auto sums = torch::zeros({a.size(0)}, wide ? torch::kFloat64 : torch::kFloat32);
    AT_DISPATCH_FLOATING_TYPES_AND(at::kBFloat16, a.scalar_type(), "direction_distance", [&] {
      using Real = RealOf<scalar_t>;
      const auto *x = a.data_ptr<scalar_t>(), *y = b.data_ptr<scalar_t>();
      auto* sum = sums.data_ptr<Real>();
      for_each_position(a, [&](std::int64_t image, std::int64_t at) {
        sum[image] += distance_of(products<scalar_t, Real>(x + at, y + at, a.size(1)));
      });
    });
    return sums / (a.size(2) * a.size(3));
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const auto &a = saved[0], &b = saved[1];
    torch::Tensor a_gradient, b_gradient;
    if (context->needs_input_grad(0)) a_gradient = torch::empty_like(a);
    if (context->needs_input_grad(1)) b_gradient = torch::empty_like(b);
    const auto scales = (gradients[0] / (a.size(2) * a.size(3))).contiguous();  // [B]
    AT_DISPATCH_FLOATING_TYPES_AND(at::kBFloat16, a.scalar_type(), "direction_distance", [&] {
      using Real = RealOf<scalar_t>;
      const auto *x = a.data_ptr<scalar_t>(), *y = b.data_ptr<scalar_t>();
      const auto* scale = scales.data_ptr<Real>();
      const auto write = [&](torch::Tensor& gradient, const scalar_t* own, const scalar_t* other,
                             Real factor, Coefficients<Real> weights, std::int64_t at) {
        auto* result = gradient.data_ptr<scalar_t>() + at;
        const Real u = factor * weights.own, v = factor * weights.other;
        for (std::int64_t c = 0; c < a.size(1); ++c)
          result[c] = static_cast<scalar_t>(u * static_cast<Real>(own[at + c]) +
                                            v * static_cast<Real>(other[at + c]));
      };
      for_each_position(a, [&](std::int64_t image, std::int64_t at) {
        const auto p = products<scalar_t, Real>(x + at, y + at, a.size(1));
        if (a_gradient.defined())
          write(a_gradient, x, y, scale[image], gradient_of(p.aa, p.bb, p.ab), at);
        if (b_gradient.defined())
          write(b_gradient, y, x, scale[image], gradient_of(p.bb, p.aa, p.ab), at);
      });
    });
    return {a_gradient, b_gradient};
  }
};

// The same in LibTorch's own operations, for other devices.
torch::Tensor plain_distance(const torch::Tensor& a_map, const torch::Tensor& b_map) {
  const auto a = a_map.to(torch::kFloat32), b = b_map.to(torch::kFloat32);
  const auto aa = a.square().sum(1), bb = b.square().sum(1), ab = (a * b).sum(1);  // [B, H, W]
  const auto scale = ((aa + kLengthEpsilon) * (bb + kLengthEpsilon)).rsqrt();
  return (aa / (aa + kLengthEpsilon) + bb / (bb + kLengthEpsilon) - 2 * ab * scale).mean({1, 2});
}

}  // namespace

torch::Tensor direction_distance(const torch::Tensor& a, const torch::Tensor& b) {
  return a.is_cpu() ? DirectionDistance::apply(a, b) : plain_distance(a, b);
}

}  // namespace tessera
