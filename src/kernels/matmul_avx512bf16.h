#pragma once

#include "kernels/machine_limits.h"
#include "kernels/matmul_layout.h"

namespace tessera::kernels {

/// multiply_panel for bf16, int8 and int4 with the dot products of AVX-512 BF16 and VNNI. Called
/// only where the processor has both.
void multiply_avx512bf16(WeightType type, const PanelProduct& product);
/// multiply_in_registers for the same types (machine_limits.h).
Arithmetic multiply_in_registers_avx512bf16(WeightType type, std::size_t rounds);

}  // namespace tessera::kernels
