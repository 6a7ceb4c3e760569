#pragma once

#include <torch/torch.h>

#include "kernels/bf16.h"
#include "training/torch_compat.h"

namespace tessera {

/// The type in which matrix products of `x` run now: bf16 under autocast, x's own type otherwise.
inline torch::ScalarType product_type(const torch::Tensor& x) {
  return autocast_enabled(x.device().type()) && x.scalar_type() != torch::kFloat64
             ? torch::kBFloat16
             : x.scalar_type();
}

/// Statistics are kept in float32, or in float64 for a float64 model (which only tests have).
inline torch::ScalarType statistics_type(const torch::Tensor& x) {
  return x.scalar_type() == torch::kFloat64 ? torch::kFloat64 : torch::kFloat32;
}

/// True where our own kernels run: on the CPU, in float32 or bf16.
inline bool has_kernels(const torch::Tensor& x) {
  return x.is_cpu() && (x.scalar_type() == torch::kFloat32 || x.scalar_type() == torch::kBFloat16);
}

/// Calls body with a null pointer of x's element type, float or kernels::Bf16.
template <typename Body>
void for_element_type(const torch::Tensor& x, const Body& body) {
  x.scalar_type() == torch::kBFloat16 ? body(static_cast<kernels::Bf16*>(nullptr))
                                      : body(static_cast<float*>(nullptr));
}

template <typename T>
T* elements(const torch::Tensor& tensor) {
  return static_cast<T*>(tensor.data_ptr());
}

}  // namespace tessera
