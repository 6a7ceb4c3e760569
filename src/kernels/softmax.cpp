#include "kernels/softmax.h"

#include <algorithm>
#include <cmath>
#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/softmax.cpp"
#include <hwy/foreach_target.h>

#include "kernels/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::kernels {
namespace HWY_NAMESPACE {

template <typename T>
float largest(std::size_t count, const T* row) {
  const hn::ScalableTag<float> wide;
  auto most = hn::Set(wide, -std::numeric_limits<float>::infinity());
  float rest = hn::GetLane(most);
  for_each_vector(count, [&](auto d, std::size_t at) HWY_ATTR {
    if constexpr (std::is_same_v<decltype(d), hn::ScalableTag<float>>)
      most = hn::Max(most, load(d, row + at));
    else
      rest = std::max(rest, hn::GetLane(load(d, row + at)));
  });
  return std::max(hn::GetLane(hn::MaxOfLanes(wide, most)), rest);
}

// log(sum(exp(scale * row))), scale > 0.
template <typename T>
float log_sum(std::size_t count, float scale, const T* row) {
  const float top = scale * largest(count, row);
  const float sum = sum_over(count, [&](auto d, std::size_t at) HWY_ATTR {
    return hn::Exp(d, hn::MulSub(load(d, row + at), hn::Set(d, scale), hn::Set(d, top)));
  });
  return top + std::log(sum);
}

template <typename T>
void shares(std::size_t count, float scale, const T* row, float log_total, float factor, T* out) {
  for_each_vector(count, [&](auto d, std::size_t at) HWY_ATTR {
    const auto share =
        hn::Exp(d, hn::MulSub(load(d, row + at), hn::Set(d, scale), hn::Set(d, log_total)));
    store(d, hn::Mul(share, hn::Set(d, factor)), out + at);
  });
}

template <typename T>
void log_sum_rows(std::size_t rows, std::size_t columns, const T* values, float* log_sums) {
  for (std::size_t row = 0; row < rows; ++row)
    log_sums[row] = log_sum(columns, 1, values + row * columns);
}

template <typename T>
void nats_backward(std::size_t rows, std::size_t columns, const T* logits, const float* log_sums,
                   const std::int64_t* targets, const float* nats_gradient, T* gradient) {
  for (std::size_t row = 0; row < rows; ++row, logits += columns, gradient += columns) {
    const float factor = nats_gradient[row];
    shares(columns, 1, logits, log_sums[row], factor, gradient);
    const auto target = static_cast<std::size_t>(targets[row]);
    // share - 1, from the share before it is rounded.
    const float missing = std::expm1(to_float(logits[target]) - log_sums[row]);
    gradient[target] = from_float<T>(factor * missing);
  }
}

template <typename T>
void causal(std::size_t rows, std::size_t columns, std::size_t first, float scale, T* scores) {
  for (std::size_t row = 0; row < rows; ++row, scores += columns) {
    const std::size_t seen = (first + row) % columns + 1;
    shares(seen, scale, scores, log_sum(seen, scale, scores), 1, scores);
    std::fill(scores + seen, scores + columns, T{});
  }
}

template <typename T>
void causal_backward(std::size_t rows, std::size_t columns, std::size_t first, float scale,
                     const T* share, T* gradient) {
  for (std::size_t row = 0; row < rows; ++row, share += columns, gradient += columns) {
    const std::size_t seen = (first + row) % columns + 1;
    const float along = sum_over(seen, [&](auto d, std::size_t at) HWY_ATTR {
      return hn::Mul(load(d, share + at), load(d, gradient + at));
    });
    for_each_vector(seen, [&](auto d, std::size_t at) HWY_ATTR {
      const auto centred = hn::Sub(load(d, gradient + at), hn::Set(d, along));
      store(d, hn::Mul(hn::Mul(load(d, share + at), centred), hn::Set(d, scale)), gradient + at);
    });
    std::fill(gradient + seen, gradient + columns, T{});
  }
}

void log_sum_rows_float(std::size_t rows, std::size_t columns, const float* values,
                        float* log_sums) {
  log_sum_rows(rows, columns, values, log_sums);
}
void nats_backward_float(std::size_t rows, std::size_t columns, const float* logits,
                         const float* log_sums, const std::int64_t* targets,
                         const float* nats_gradient, float* gradient) {
  nats_backward(rows, columns, logits, log_sums, targets, nats_gradient, gradient);
}
void causal_float(std::size_t rows, std::size_t columns, std::size_t first, float scale,
                  float* scores) {
  causal(rows, columns, first, scale, scores);
}
void causal_backward_float(std::size_t rows, std::size_t columns, std::size_t first, float scale,
                           const float* share, float* gradient) {
  causal_backward(rows, columns, first, scale, share, gradient);
}
void log_sum_rows_bf16(std::size_t rows, std::size_t columns, const Bf16* values, float* log_sums) {
  log_sum_rows(rows, columns, values, log_sums);
}
void nats_backward_bf16(std::size_t rows, std::size_t columns, const Bf16* logits,
                        const float* log_sums, const std::int64_t* targets,
                        const float* nats_gradient, Bf16* gradient) {
  nats_backward(rows, columns, logits, log_sums, targets, nats_gradient, gradient);
}
void causal_bf16(std::size_t rows, std::size_t columns, std::size_t first, float scale,
                 Bf16* scores) {
  causal(rows, columns, first, scale, scores);
}
void causal_backward_bf16(std::size_t rows, std::size_t columns, std::size_t first, float scale,
                          const Bf16* share, Bf16* gradient) {
  causal_backward(rows, columns, first, scale, share, gradient);
}

}  // namespace HWY_NAMESPACE
}  // namespace tessera::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera::kernels {

HWY_EXPORT(log_sum_rows_float);
HWY_EXPORT(nats_backward_float);
HWY_EXPORT(causal_float);
HWY_EXPORT(causal_backward_float);
HWY_EXPORT(log_sum_rows_bf16);
HWY_EXPORT(nats_backward_bf16);
HWY_EXPORT(causal_bf16);
HWY_EXPORT(causal_backward_bf16);

void log_sum_exp(std::size_t rows, std::size_t columns, const float* values, float* log_sums) {
  HWY_DYNAMIC_DISPATCH(log_sum_rows_float)(rows, columns, values, log_sums);
}
void cross_entropy_gradient(std::size_t rows, std::size_t columns, const float* logits,
                            const float* log_sums, const std::int64_t* targets,
                            const float* nats_gradient, float* gradient) {
  HWY_DYNAMIC_DISPATCH(nats_backward_float)
  (rows, columns, logits, log_sums, targets, nats_gradient, gradient);
}
void causal_softmax(std::size_t rows, std::size_t columns, std::size_t first, float scale,
                    float* scores) {
  HWY_DYNAMIC_DISPATCH(causal_float)(rows, columns, first, scale, scores);
}
void causal_softmax_gradient(std::size_t rows, std::size_t columns, std::size_t first, float scale,
                             const float* shares, float* gradient) {
  HWY_DYNAMIC_DISPATCH(causal_backward_float)(rows, columns, first, scale, shares, gradient);
}
void log_sum_exp(std::size_t rows, std::size_t columns, const Bf16* values, float* log_sums) {
  HWY_DYNAMIC_DISPATCH(log_sum_rows_bf16)(rows, columns, values, log_sums);
}
void cross_entropy_gradient(std::size_t rows, std::size_t columns, const Bf16* logits,
                            const float* log_sums, const std::int64_t* targets,
                            const float* nats_gradient, Bf16* gradient) {
  HWY_DYNAMIC_DISPATCH(nats_backward_bf16)
  (rows, columns, logits, log_sums, targets, nats_gradient, gradient);
}
void causal_softmax(std::size_t rows, std::size_t columns, std::size_t first, float scale,
                    Bf16* scores) {
  HWY_DYNAMIC_DISPATCH(causal_bf16)(rows, columns, first, scale, scores);
}
void causal_softmax_gradient(std::size_t rows, std::size_t columns, std::size_t first, float scale,
                             const Bf16* shares, Bf16* gradient) {
  HWY_DYNAMIC_DISPATCH(causal_backward_bf16)(rows, columns, first, scale, shares, gradient);
}

}  // namespace tessera::kernels
#endif
