#include "tokenizer/losses.h"

namespace tessera {

void Losses::add(const std::string& name, double weight, const torch::Tensor& value) {
  if (weight == 0) return;
  terms.emplace_back(name, value.detach());
  const auto weighted = weight * value;
  total = total.defined() ? total + weighted : weighted;
}

void Losses::note(const std::string& name, double value) {
  terms.emplace_back(name, torch::tensor(value, torch::kFloat64));
}

}  // namespace tessera
