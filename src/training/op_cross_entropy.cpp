#include "training/op_cross_entropy.h"

#include "training/op_precision.h"

namespace tessera {

torch::Tensor cross_entropy(const torch::Tensor& logits, const torch::Tensor& targets) {
  return -torch::log_softmax(logits.to(statistics_type(logits)), -1)
              .gather(1, targets.unsqueeze(1))
              .squeeze(1);
}

}  // namespace tessera
