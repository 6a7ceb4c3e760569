#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/bf16.h"

namespace tessera::kernels {

/// y = x + dropout(branch): an element of `branch` is zeroed with probability `drop`, the others
/// grow by 1 / (1 - drop). Which ones is a function of `key` and the place alone.
void add_dropout(std::size_t count, std::uint32_t key, float drop, const float* x,
                 const float* branch, float* y);
void add_dropout(std::size_t count, std::uint32_t key, float drop, const float* x,
                 const Bf16* branch, float* y);

/// dL/dbranch.
void add_dropout_gradient(std::size_t count, std::uint32_t key, float drop, const float* dy,
                          float* dbranch);
void add_dropout_gradient(std::size_t count, std::uint32_t key, float drop, const float* dy,
                          Bf16* dbranch);

}  // namespace tessera::kernels
