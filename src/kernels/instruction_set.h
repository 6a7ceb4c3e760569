#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tessera::kernels {

/// What the kernels are compiled for. `avx512bf16` is AVX-512 with the dot products of its BF16 and
/// VNNI extensions; kernels that have no version of their own for it run as avx512.
enum class InstructionSet { scalar, sse4, avx2, avx512, avx512bf16, neon };

const char* name_of(InstructionSet set);
/// The set of that name, which this machine need not have; nothing if no set is called so.
std::optional<InstructionSet> find_instruction_set(std::string_view name);

/// Those that this machine has, the best one last; scalar is always there.
std::vector<InstructionSet> instruction_sets();
bool is_available(InstructionSet set);

/// The one that all kernels use: the machine's best, unless another was chosen.
InstructionSet instruction_set();
/// From now on every kernel uses `set`, which must be available. Not to be called while a kernel
/// runs.
void use_instruction_set(InstructionSet set);

}  // namespace tessera::kernels
