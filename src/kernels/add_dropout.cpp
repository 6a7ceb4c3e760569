#include "kernels/add_dropout.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/add_dropout.cpp"
#include <hwy/foreach_target.h>

#include "kernels/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::kernels {
namespace HWY_NAMESPACE {

// 1 / (1 - drop) where the element stays, 0 where it goes: 24 bits of a hash of its place (the
// finaliser of MurmurHash3, Appleby, public domain) against the probability.
template <class D>
HWY_INLINE hn::Vec<D> keep(D d, std::size_t place, std::uint32_t key, float drop) {
  const hn::RebindToUnsigned<D> d32;
  const hn::RebindToSigned<D> d32s;
  auto h =
      hn::Add(hn::Mul(hn::Iota(d32, static_cast<std::uint32_t>(place)), hn::Set(d32, 0x9e3779b1u)),
              hn::Set(d32, key));
  h = hn::Mul(hn::Xor(h, hn::ShiftRight<16>(h)), hn::Set(d32, 0x85ebca6bu));
  h = hn::Mul(hn::Xor(h, hn::ShiftRight<13>(h)), hn::Set(d32, 0xc2b2ae35u));
  h = hn::Xor(h, hn::ShiftRight<16>(h));
  const auto uniform = hn::ConvertTo(d, hn::BitCast(d32s, hn::ShiftRight<8>(h)));  // 0 .. 2^24 - 1
  const auto stays = hn::Ge(uniform, hn::Set(d, drop * 0x1p24f));
  return hn::IfThenElseZero(stays, hn::Set(d, 1 / (1 - drop)));
}

template <typename T>
void forward(std::size_t count, std::uint32_t key, float drop, const float* x, const T* branch,
             float* y) {
  for_each_vector(count, [&](auto d, std::size_t i) HWY_ATTR {
    const auto kept = keep(d, i, key, drop);
    hn::StoreU(hn::MulAdd(load(d, branch + i), kept, hn::LoadU(d, x + i)), d, y + i);
  });
}

template <typename T>
void gradient(std::size_t count, std::uint32_t key, float drop, const float* dy, T* dbranch) {
  for_each_vector(count, [&](auto d, std::size_t i) HWY_ATTR {
    store(d, hn::Mul(hn::LoadU(d, dy + i), keep(d, i, key, drop)), dbranch + i);
  });
}

void forward_float(std::size_t count, std::uint32_t key, float drop, const float* x,
                   const float* branch, float* y) {
  forward(count, key, drop, x, branch, y);
}
void forward_bf16(std::size_t count, std::uint32_t key, float drop, const float* x,
                  const Bf16* branch, float* y) {
  forward(count, key, drop, x, branch, y);
}
void gradient_float(std::size_t count, std::uint32_t key, float drop, const float* dy,
                    float* dbranch) {
  gradient(count, key, drop, dy, dbranch);
}
void gradient_bf16(std::size_t count, std::uint32_t key, float drop, const float* dy,
                   Bf16* dbranch) {
  gradient(count, key, drop, dy, dbranch);
}

}  // namespace HWY_NAMESPACE
}  // namespace tessera::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera::kernels {

HWY_EXPORT(forward_float);
HWY_EXPORT(forward_bf16);
HWY_EXPORT(gradient_float);
HWY_EXPORT(gradient_bf16);

void add_dropout(std::size_t count, std::uint32_t key, float drop, const float* x,
                 const float* branch, float* y) {
  HWY_DYNAMIC_DISPATCH(forward_float)(count, key, drop, x, branch, y);
}
void add_dropout(std::size_t count, std::uint32_t key, float drop, const float* x,
                 const Bf16* branch, float* y) {
  HWY_DYNAMIC_DISPATCH(forward_bf16)(count, key, drop, x, branch, y);
}
void add_dropout_gradient(std::size_t count, std::uint32_t key, float drop, const float* dy,
                          float* dbranch) {
  HWY_DYNAMIC_DISPATCH(gradient_float)(count, key, drop, dy, dbranch);
}
void add_dropout_gradient(std::size_t count, std::uint32_t key, float drop, const float* dy,
                          Bf16* dbranch) {
  HWY_DYNAMIC_DISPATCH(gradient_bf16)(count, key, drop, dy, dbranch);
}

}  // namespace tessera::kernels
#endif
