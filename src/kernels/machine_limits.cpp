#include "kernels/machine_limits.h"

#include "kernels/instruction_set.h"
#include "kernels/matmul_avx512bf16.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/machine_limits.cpp"
#include <hwy/foreach_target.h>

#include "kernels/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::kernels {
namespace HWY_NAMESPACE {

// Enough independent sums to hide the latency, few enough for 16 registers.
constexpr std::size_t kSums = 12;

std::uint32_t read(const std::byte* from, std::size_t bytes) {
  const hn::ScalableTag<std::uint32_t> d;
  const auto* words = reinterpret_cast<const std::uint32_t*>(from);
  const std::size_t count = bytes / sizeof(*words), lanes = hn::Lanes(d);
  auto a = hn::Zero(d), b = a, c = a, e = a;
  for (std::size_t at = 0; at < count; at += 4 * lanes) {
    a = hn::Add(a, hn::Load(d, words + at));
    b = hn::Add(b, hn::Load(d, words + at + lanes));
    c = hn::Add(c, hn::Load(d, words + at + 2 * lanes));
    e = hn::Add(e, hn::Load(d, words + at + 3 * lanes));
  }
  return hn::GetLane(hn::SumOfLanes(d, hn::Add(hn::Add(a, b), hn::Add(c, e))));
}

// The factor is read anew in each round, from where the compiler cannot know: otherwise it would
// multiply once and for all.
Arithmetic multiply_float32(std::size_t rounds) {
  const hn::ScalableTag<float> d;
  HWY_ALIGN float factors[HWY_MAX_BYTES / sizeof(float)] = {};
  const float* volatile source = factors;
  hn::Vec<decltype(d)> sums[kSums];
  for (std::size_t i = 0; i < kSums; ++i) sums[i] = hn::Set(d, static_cast<float>(i));
  for (std::size_t round = 0; round < rounds; ++round) {
    const auto factor = hn::Load(d, source);
    for (auto& sum : sums) sum = hn::MulAdd(factor, factor, sum);
  }
  for (std::size_t i = 1; i < kSums; ++i) sums[0] = hn::Add(sums[0], sums[i]);
  return {2.0 * static_cast<double>(rounds * kSums * hn::Lanes(d)), hn::GetLane(sums[0])};
}

Arithmetic multiply_integers(std::size_t rounds) {
#if HWY_TARGET == HWY_SCALAR
  return multiply_float32(rounds);  // one product at a time, too
#else
  const hn::ScalableTag<std::int32_t> d;
  const hn::Repartition<std::int16_t, decltype(d)> d16;
  HWY_ALIGN std::int16_t factors[HWY_MAX_BYTES / sizeof(std::int16_t)] = {};
  const std::int16_t* volatile source = factors;
  hn::Vec<decltype(d)> sums[kSums], other = hn::Zero(d);
  for (std::size_t i = 0; i < kSums; ++i) sums[i] = hn::Set(d, static_cast<std::int32_t>(i));
  for (std::size_t round = 0; round < rounds; ++round) {
    const auto factor = hn::Load(d16, source);
    for (auto& sum : sums)  // each with a factor of its own, lest they be multiplied once for all
      sum = hn::ReorderWidenMulAccumulate(d, factor, hn::BitCast(d16, sum), sum, other);
  }
  for (std::size_t i = 1; i < kSums; ++i) sums[0] = hn::Add(sums[0], sums[i]);
  return {2.0 * static_cast<double>(rounds * kSums * hn::Lanes(d16)),
          static_cast<double>(hn::GetLane(hn::Add(sums[0], other)))};
#endif
}

}  // namespace HWY_NAMESPACE
}  // namespace tessera::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera::kernels {

HWY_EXPORT(read);
HWY_EXPORT(multiply_float32);
HWY_EXPORT(multiply_integers);

std::uint32_t read_memory(const std::byte* from, std::size_t bytes) {
  return HWY_DYNAMIC_DISPATCH(read)(from, bytes);
}

Arithmetic multiply_in_registers(WeightType type, std::size_t rounds) {
  if (instruction_set() == InstructionSet::avx512bf16 && type != WeightType::float32)
    return multiply_in_registers_avx512bf16(type, rounds);
  if (type == WeightType::float32 || type == WeightType::bf16)
    return HWY_DYNAMIC_DISPATCH(multiply_float32)(rounds);
  return HWY_DYNAMIC_DISPATCH(multiply_integers)(rounds);
}

}  // namespace tessera::kernels
#endif
