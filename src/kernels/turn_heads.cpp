#include "kernels/turn_heads.h"

#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/turn_heads.cpp"
#include <hwy/foreach_target.h>

#include "kernels/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::kernels {
namespace HWY_NAMESPACE {

// Calls body(d, first) over [0, size): full vectors, then pairs; size is even.
template <class Body>
HWY_INLINE void for_each_pair_vector(std::size_t size, const Body& body) {
  const hn::ScalableTag<float> wide;
  const hn::CappedTag<float, 2> pair;
  const std::size_t lanes = hn::Lanes(wide);
  std::size_t first = 0;
  for (; first + lanes <= size; first += lanes) body(wide, first);
  for (; first < size; first += hn::Lanes(pair)) body(pair, first);
}

// Each element's partner in its pair.
template <class D, typename T>
HWY_INLINE hn::Vec<D> load_partners(D d, const T* from, std::size_t i) {
#if HWY_TARGET == HWY_SCALAR
  return load(d, from + (i ^ 1));
#else
  return hn::Shuffle2301(load(d, from + i));
#endif
}

template <typename T>
void turn(const HeadBlock& block, const HeadTurn& turn, const T* x, T* y) {
  for (std::size_t head = 0; head < block.heads; ++head, x += block.size, y += block.stride) {
    float scale = 1;
    if (turn.weight) {
      const float squares = sum_over(block.size, [&](auto d, std::size_t i) HWY_ATTR {
        const auto value = load(d, x + i);
        return hn::Mul(value, value);
      });
      scale = 1 / std::sqrt(squares / static_cast<float>(block.size) + turn.epsilon);
    }
    for_each_pair_vector(block.size, [&](auto d, std::size_t i) HWY_ATTR {
      auto cosine = hn::Mul(hn::Set(d, scale), hn::LoadU(d, turn.cosines + i));
      auto sine = hn::Mul(hn::Set(d, scale), hn::LoadU(d, turn.sines + i));
      if (turn.weight) {
        cosine = hn::Mul(cosine, hn::LoadU(d, turn.weight + i));
        sine = hn::Mul(sine, load_partners(d, turn.weight, i));
      }
      store(d, hn::MulAdd(load_partners(d, x, i), sine, hn::Mul(load(d, x + i), cosine)), y + i);
    });
  }
}

// The gradient turned back, before the norm: cos * g - sin * (g of its partner).
template <class D, typename T>
HWY_INLINE hn::Vec<D> turn_back(D d, const HeadTurn& turn, const T* dy, std::size_t i) {
  return hn::NegMulAdd(load_partners(d, dy, i), hn::LoadU(d, turn.sines + i),
                       hn::Mul(load(d, dy + i), hn::LoadU(d, turn.cosines + i)));
}

template <typename T>
void gradient(const HeadBlock& block, const HeadTurn& turn, const T* x, const T* dy, T* dx,
              float* weight_gradient) {
  const float size = static_cast<float>(block.size);
  for (std::size_t head = 0; head < block.heads;
       ++head, x += block.size, dx += block.size, dy += block.stride) {
    if (!turn.weight) {
      for_each_pair_vector(block.size, [&](auto d, std::size_t i) HWY_ATTR {
        store(d, turn_back(d, turn, dy, i), dx + i);
      });
      continue;
    }
    float squares = 0, dot = 0;
    for_each_pair_vector(block.size, [&](auto d, std::size_t i) HWY_ATTR {
      const auto value = load(d, x + i);
      const auto g = hn::Mul(turn_back(d, turn, dy, i), hn::LoadU(d, turn.weight + i));
      squares += hn::GetLane(hn::SumOfLanes(d, hn::Mul(value, value)));
      dot += hn::GetLane(hn::SumOfLanes(d, hn::Mul(value, g)));
    });
    const float scale = 1 / std::sqrt(squares / size + turn.epsilon);
    const float slope = scale * scale * scale * dot / size;
    for_each_pair_vector(block.size, [&](auto d, std::size_t i) HWY_ATTR {
      const auto value = load(d, x + i);
      const auto g = hn::Mul(turn_back(d, turn, dy, i), hn::Set(d, scale));
      store(d, hn::NegMulAdd(value, hn::Set(d, slope), hn::Mul(g, hn::LoadU(d, turn.weight + i))),
            dx + i);
      hn::StoreU(hn::MulAdd(g, value, hn::LoadU(d, weight_gradient + i)), d, weight_gradient + i);
    });
  }
}

void turn_float(const HeadBlock& block, const HeadTurn& how, const float* x, float* y) {
  turn(block, how, x, y);
}
void turn_bf16(const HeadBlock& block, const HeadTurn& how, const Bf16* x, Bf16* y) {
  turn(block, how, x, y);
}
void gradient_float(const HeadBlock& block, const HeadTurn& how, const float* x, const float* dy,
                    float* dx, float* weight_gradient) {
  gradient(block, how, x, dy, dx, weight_gradient);
}
void gradient_bf16(const HeadBlock& block, const HeadTurn& how, const Bf16* x, const Bf16* dy,
                   Bf16* dx, float* weight_gradient) {
  gradient(block, how, x, dy, dx, weight_gradient);
}

}  // namespace HWY_NAMESPACE
}  // namespace tessera::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera::kernels {

HWY_EXPORT(turn_float);
HWY_EXPORT(turn_bf16);
HWY_EXPORT(gradient_float);
HWY_EXPORT(gradient_bf16);

void turn_heads(const HeadBlock& block, const HeadTurn& turn, const float* x, float* y) {
  HWY_DYNAMIC_DISPATCH(turn_float)(block, turn, x, y);
}
void turn_heads(const HeadBlock& block, const HeadTurn& turn, const Bf16* x, Bf16* y) {
  HWY_DYNAMIC_DISPATCH(turn_bf16)(block, turn, x, y);
}
void turn_heads_gradient(const HeadBlock& block, const HeadTurn& turn, const float* x,
                         const float* dy, float* dx, float* weight_gradient) {
  HWY_DYNAMIC_DISPATCH(gradient_float)(block, turn, x, dy, dx, weight_gradient);
}
void turn_heads_gradient(const HeadBlock& block, const HeadTurn& turn, const Bf16* x,
                         const Bf16* dy, Bf16* dx, float* weight_gradient) {
  HWY_DYNAMIC_DISPATCH(gradient_bf16)(block, turn, x, dy, dx, weight_gradient);
}

}  // namespace tessera::kernels
#endif
