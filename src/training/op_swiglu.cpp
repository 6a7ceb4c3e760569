#include "training/op_swiglu.h"

#include "training/op_precision.h"

namespace tessera {

torch::Tensor swiglu(const torch::Tensor& gate, const torch::Tensor& up) {
  const auto type = statistics_type(gate);
  return (torch::silu(gate.to(type)) * up.to(type)).to(gate.scalar_type());
}

}  // namespace tessera
