#include "kernels/adamw.h"

#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/adamw.cpp"
#include <hwy/foreach_target.h>

#include "kernels/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::kernels {
namespace HWY_NAMESPACE {

void adamw_vectors(const AdamWFactors& factors, std::size_t count, const float* gradient,
                   float* parameter, float* first, float* second) {
  for_each_vector(count, [&](auto d, std::size_t at) HWY_ATTR {
    const auto g = hn::Mul(hn::LoadU(d, gradient + at), hn::Set(d, factors.gradient_scale));
    const auto m = hn::MulAdd(hn::Set(d, factors.beta1), hn::LoadU(d, first + at),
                              hn::Mul(hn::Set(d, 1 - factors.beta1), g));
    const auto v = hn::MulAdd(hn::Set(d, factors.beta2), hn::LoadU(d, second + at),
                              hn::Mul(hn::Set(d, 1 - factors.beta2), hn::Mul(g, g)));
    const auto deviation =
        hn::MulAdd(hn::Set(d, factors.spread), hn::Sqrt(v), hn::Set(d, factors.epsilon));
    const auto change = hn::Div(hn::Mul(hn::Set(d, factors.rate), m), deviation);
    const auto kept = hn::MulSub(hn::Set(d, factors.keep), hn::LoadU(d, parameter + at), change);
    hn::StoreU(m, d, first + at);
    hn::StoreU(v, d, second + at);
    hn::StoreU(kept, d, parameter + at);
  });
}

double sum_of_squares_vectors(std::size_t count, const float* values) {
  const hn::ScalableTag<double> d;
  const hn::Rebind<float, decltype(d)> d32;
  auto sum = hn::Zero(d);
  std::size_t at = 0;
  for (; at + hn::Lanes(d) <= count; at += hn::Lanes(d)) {
    const auto value = hn::PromoteTo(d, hn::LoadU(d32, values + at));
    sum = hn::MulAdd(value, value, sum);
  }
  double total = hn::GetLane(hn::SumOfLanes(d, sum));
  for (; at < count; ++at) total += static_cast<double>(values[at]) * values[at];
  return total;
}

}  // namespace HWY_NAMESPACE
}  // namespace tessera::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera::kernels {

HWY_EXPORT(adamw_vectors);
HWY_EXPORT(sum_of_squares_vectors);

void adamw(const AdamWFactors& factors, std::size_t count, const float* gradient, float* parameter,
           float* first, float* second) {
  HWY_DYNAMIC_DISPATCH(adamw_vectors)(factors, count, gradient, parameter, first, second);
}

double sum_of_squares(std::size_t count, const float* values) {
  return HWY_DYNAMIC_DISPATCH(sum_of_squares_vectors)(count, values);
}

void adamw_reference(const AdamWFactors& factors, std::size_t count, const float* gradient,
                     float* parameter, float* first, float* second) {
  for (std::size_t at = 0; at < count; ++at) {
    const float g = factors.gradient_scale * gradient[at];
    first[at] = factors.beta1 * first[at] + (1 - factors.beta1) * g;
    second[at] = factors.beta2 * second[at] + (1 - factors.beta2) * g * g;
    const float deviation = factors.spread * std::sqrt(second[at]) + factors.epsilon;
    parameter[at] = factors.keep * parameter[at] - factors.rate * first[at] / deviation;
  }
}

}  // namespace tessera::kernels
#endif
