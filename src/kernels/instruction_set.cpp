#include "kernels/instruction_set.h"

#include <hwy/highway.h>
#include <hwy/targets.h>

#include <atomic>

namespace tessera::kernels {
namespace {

struct Named {
  InstructionSet set;
  const char* name;
  std::int64_t target;  // Highway's
};

// From the slowest to the fastest, within an architecture.
constexpr Named kAll[] = {
    {InstructionSet::scalar, "scalar", HWY_SCALAR | HWY_EMU128},
    {InstructionSet::sse4, "sse4", HWY_SSE4},
    {InstructionSet::avx2, "avx2", HWY_AVX2},
    {InstructionSet::avx512, "avx512", HWY_AVX3},
    {InstructionSet::avx512bf16, "avx512bf16", HWY_AVX3},
    {InstructionSet::neon, "neon", HWY_NEON},
};

const Named& named(InstructionSet set) { return kAll[static_cast<std::size_t>(set)]; }

bool has_bf16_and_vnni() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512vnni");
#else
  return false;
#endif
}

InstructionSet best() { return instruction_sets().back(); }

std::atomic<InstructionSet>& chosen() {
  static std::atomic<InstructionSet> set = best();
  return set;
}

}  // namespace

const char* name_of(InstructionSet set) { return named(set).name; }

std::optional<InstructionSet> find_instruction_set(std::string_view name) {
  for (const Named& candidate : kAll)
    if (name == candidate.name) return candidate.set;
  return {};
}

bool is_available(InstructionSet set) {
  if (set == InstructionSet::scalar) return true;
  if (set == InstructionSet::avx512bf16 && !has_bf16_and_vnni()) return false;
  return (hwy::SupportedTargets() & named(set).target) != 0;
}

std::vector<InstructionSet> instruction_sets() {
  std::vector<InstructionSet> sets;
  for (const Named& candidate : kAll)
    if (is_available(candidate.set)) sets.push_back(candidate.set);
  return sets;
}

InstructionSet instruction_set() { return chosen().load(std::memory_order_relaxed); }

void use_instruction_set(InstructionSet set) {
  chosen() = set;
  hwy::GetChosenTarget().Update(named(set).target);
}

}  // namespace tessera::kernels
