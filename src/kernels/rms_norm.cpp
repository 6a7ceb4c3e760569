#include "kernels/rms_norm.h"

#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/rms_norm.cpp"
#include <hwy/foreach_target.h>

#include "kernels/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::kernels {
namespace HWY_NAMESPACE {

template <typename T>
void norm(std::size_t rows, std::size_t columns, float epsilon, const float* x, const float* weight,
          float* inverse, T* y) {
  for (std::size_t row = 0; row < rows; ++row, x += columns, y += columns) {
    const float squares = sum_over(columns, [&](auto d, std::size_t c) HWY_ATTR {
      const auto value = hn::LoadU(d, x + c);
      return hn::Mul(value, value);
    });
    const float scale = 1 / std::sqrt(squares / static_cast<float>(columns) + epsilon);
    inverse[row] = scale;
    for_each_vector(columns, [&](auto d, std::size_t c) HWY_ATTR {
      const auto value = hn::Mul(hn::LoadU(d, x + c), hn::Set(d, scale));
      store(d, hn::Mul(value, hn::LoadU(d, weight + c)), y + c);
    });
  }
}

// With g = weight * dy: dx = inverse * g - x * inverse^3 * mean(x * g).
template <typename T>
void gradient(std::size_t rows, std::size_t columns, const float* x, const float* weight,
              const float* inverse, const T* dy, float* dx, float* weight_gradient) {
  for (std::size_t row = 0; row < rows; ++row, x += columns, dy += columns, dx += columns) {
    const float dot = sum_over(columns, [&](auto d, std::size_t c) HWY_ATTR {
      return hn::Mul(hn::LoadU(d, x + c), hn::Mul(hn::LoadU(d, weight + c), load(d, dy + c)));
    });
    const float scale = inverse[row];
    const float slope = scale * scale * scale * dot / static_cast<float>(columns);
    for_each_vector(columns, [&](auto d, std::size_t c) HWY_ATTR {
      const auto value = hn::LoadU(d, x + c);
      const auto g = hn::Mul(load(d, dy + c), hn::Set(d, scale));
      hn::StoreU(hn::NegMulAdd(value, hn::Set(d, slope), hn::Mul(g, hn::LoadU(d, weight + c))), d,
                 dx + c);
      hn::StoreU(hn::MulAdd(g, value, hn::LoadU(d, weight_gradient + c)), d, weight_gradient + c);
    });
  }
}

void norm_float(std::size_t rows, std::size_t columns, float epsilon, const float* x,
                const float* weight, float* inverse, float* y) {
  norm(rows, columns, epsilon, x, weight, inverse, y);
}
void norm_bf16(std::size_t rows, std::size_t columns, float epsilon, const float* x,
               const float* weight, float* inverse, Bf16* y) {
  norm(rows, columns, epsilon, x, weight, inverse, y);
}
void gradient_float(std::size_t rows, std::size_t columns, const float* x, const float* weight,
                    const float* inverse, const float* dy, float* dx, float* weight_gradient) {
  gradient(rows, columns, x, weight, inverse, dy, dx, weight_gradient);
}
void gradient_bf16(std::size_t rows, std::size_t columns, const float* x, const float* weight,
                   const float* inverse, const Bf16* dy, float* dx, float* weight_gradient) {
  gradient(rows, columns, x, weight, inverse, dy, dx, weight_gradient);
}

}  // namespace HWY_NAMESPACE
}  // namespace tessera::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera::kernels {

HWY_EXPORT(norm_float);
HWY_EXPORT(norm_bf16);
HWY_EXPORT(gradient_float);
HWY_EXPORT(gradient_bf16);

void rms_norm(std::size_t rows, std::size_t columns, float epsilon, const float* x,
              const float* weight, float* inverse, float* y) {
  HWY_DYNAMIC_DISPATCH(norm_float)(rows, columns, epsilon, x, weight, inverse, y);
}
void rms_norm(std::size_t rows, std::size_t columns, float epsilon, const float* x,
              const float* weight, float* inverse, Bf16* y) {
  HWY_DYNAMIC_DISPATCH(norm_bf16)(rows, columns, epsilon, x, weight, inverse, y);
}
void rms_norm_gradient(std::size_t rows, std::size_t columns, const float* x, const float* weight,
                       const float* inverse, const float* dy, float* dx, float* weight_gradient) {
  HWY_DYNAMIC_DISPATCH(gradient_float)(rows, columns, x, weight, inverse, dy, dx, weight_gradient);
}
void rms_norm_gradient(std::size_t rows, std::size_t columns, const float* x, const float* weight,
                       const float* inverse, const Bf16* dy, float* dx, float* weight_gradient) {
  HWY_DYNAMIC_DISPATCH(gradient_bf16)(rows, columns, x, weight, inverse, dy, dx, weight_gradient);
}

}  // namespace tessera::kernels
#endif
