#pragma once

#include <cstddef>

#include "kernels/bf16.h"

namespace tessera::kernels {

/// y = x * inverse * weight for `rows` rows of `columns`, inverse = 1 / sqrt(mean(x^2) + epsilon)
/// of each row, which is kept for the gradient.
void rms_norm(std::size_t rows, std::size_t columns, float epsilon, const float* x,
              const float* weight, float* inverse, float* y);
void rms_norm(std::size_t rows, std::size_t columns, float epsilon, const float* x,
              const float* weight, float* inverse, Bf16* y);

/// dL/dx; dL/dweight [columns] is added to.
void rms_norm_gradient(std::size_t rows, std::size_t columns, const float* x, const float* weight,
                       const float* inverse, const float* dy, float* dx, float* weight_gradient);
void rms_norm_gradient(std::size_t rows, std::size_t columns, const float* x, const float* weight,
                       const float* inverse, const Bf16* dy, float* dx, float* weight_gradient);

}  // namespace tessera::kernels
