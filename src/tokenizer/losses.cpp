#include "tokenizer/losses.h"

namespace tessera {

void Losses::add(const std::string& name, double weight, const torch::Tensor& value) {
  if (weight == 0) return;
  terms.emplace_back(name, value.detach());
  const auto weighted = weight * value;
  total = total.defined() ? total + weighted : weighted;
}

void Losses::add_share(const Losses& part, double share) {
  const auto add_up = [&](torch::Tensor& sum, const torch::Tensor& value) {
    const auto scaled = value.detach() * share;
    sum = sum.defined() ? sum + scaled : scaled;
  };
  terms.resize(part.terms.size());
  for (std::size_t i = 0; i < terms.size(); ++i) {
    terms[i].first = part.terms[i].first;
    add_up(terms[i].second, part.terms[i].second);
  }
  add_up(reconstruction, part.reconstruction);
}

void Losses::note(const std::string& name, double value) {
  terms.emplace_back(name, torch::tensor(value, torch::kFloat64));
}

}  // namespace tessera
