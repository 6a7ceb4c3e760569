#pragma once

namespace tessera {

/// From now on all kernels use the instruction set that TESSERA_ISA names (scalar, sse4, avx2,
/// avx512, avx512bf16 or neon), if it is set. Throws Error when there is no such set here. Not to
/// be called while kernels run.
void choose_instruction_set();

}  // namespace tessera
