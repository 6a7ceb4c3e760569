#include "kernels/swiglu.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/swiglu.cpp"
#include <hwy/foreach_target.h>

#include "kernels/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::kernels {
namespace HWY_NAMESPACE {

template <typename T>
void forward(std::size_t count, const T* gate, const T* up, T* out) {
  for_each_vector(count, [&](auto d, std::size_t at) HWY_ATTR {
    const auto g = load(d, gate + at);
    store(d, hn::Mul(hn::Mul(g, sigmoid(d, g)), load(d, up + at)), out + at);
  });
}

template <typename T>
void backward(std::size_t count, const T* gate, const T* up, const T* out_gradient,
              T* gate_gradient, T* up_gradient) {
  for_each_vector(count, [&](auto d, std::size_t at) HWY_ATTR {
    const auto g = load(d, gate + at), dy = load(d, out_gradient + at);
    const auto s = sigmoid(d, g);
    const auto slope = hn::MulAdd(hn::Mul(g, s), hn::Sub(hn::Set(d, 1.0f), s), s);
    store(d, hn::Mul(dy, hn::Mul(slope, load(d, up + at))), gate_gradient + at);
    store(d, hn::Mul(dy, hn::Mul(g, s)), up_gradient + at);
  });
}

void forward_float(std::size_t count, const float* gate, const float* up, float* out) {
  forward(count, gate, up, out);
}
void forward_bf16(std::size_t count, const Bf16* gate, const Bf16* up, Bf16* out) {
  forward(count, gate, up, out);
}
void backward_float(std::size_t count, const float* gate, const float* up, const float* dy,
                    float* dg, float* du) {
  backward(count, gate, up, dy, dg, du);
}
void backward_bf16(std::size_t count, const Bf16* gate, const Bf16* up, const Bf16* dy, Bf16* dg,
                   Bf16* du) {
  backward(count, gate, up, dy, dg, du);
}

}  // namespace HWY_NAMESPACE
}  // namespace tessera::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera::kernels {

HWY_EXPORT(forward_float);
HWY_EXPORT(forward_bf16);
HWY_EXPORT(backward_float);
HWY_EXPORT(backward_bf16);

void swiglu(std::size_t count, const float* gate, const float* up, float* out) {
  HWY_DYNAMIC_DISPATCH(forward_float)(count, gate, up, out);
}
void swiglu(std::size_t count, const Bf16* gate, const Bf16* up, Bf16* out) {
  HWY_DYNAMIC_DISPATCH(forward_bf16)(count, gate, up, out);
}
void swiglu_gradient(std::size_t count, const float* gate, const float* up,
                     const float* out_gradient, float* gate_gradient, float* up_gradient) {
  HWY_DYNAMIC_DISPATCH(backward_float)(count, gate, up, out_gradient, gate_gradient, up_gradient);
}
void swiglu_gradient(std::size_t count, const Bf16* gate, const Bf16* up, const Bf16* out_gradient,
                     Bf16* gate_gradient, Bf16* up_gradient) {
  HWY_DYNAMIC_DISPATCH(backward_bf16)(count, gate, up, out_gradient, gate_gradient, up_gradient);
}

}  // namespace tessera::kernels
#endif
