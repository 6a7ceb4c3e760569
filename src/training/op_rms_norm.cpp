#include "training/op_rms_norm.h"

#include "training/op_precision.h"

namespace tessera {

torch::Tensor rms_norm(const torch::Tensor& x, const torch::Tensor& weight, double epsilon) {
  const auto wide = x.to(statistics_type(x));
  const auto inverse = torch::rsqrt(wide.square().mean(-1, true) + epsilon);
  return (wide * inverse * weight).to(product_type(x));
}

}  // namespace tessera
