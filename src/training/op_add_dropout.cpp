#include "training/op_add_dropout.h"

#include "training/op_precision.h"

namespace tessera {

torch::Tensor add_dropout(const torch::Tensor& x, const torch::Tensor& branch, double drop) {
  return x + torch::dropout(branch.to(x.scalar_type()), drop, drop > 0);
}

torch::Tensor drop_some(const torch::Tensor& x, double drop) {
  return drop > 0 ? add_dropout(torch::zeros_like(x), x, drop) : x;
}

}  // namespace tessera
