#include "engine/convolution_weights.h"

namespace tessera {

ConvolutionWeights::ConvolutionWeights(const ModelWeights& model,
                                       const std::vector<std::string>& names, int in, int out_each,
                                       int kernel_size)
    : inputs(in), outputs(out_each * static_cast<int>(names.size())), kernel(kernel_size) {
  for (const auto& name : names) {
    weights.push_back(model.at(name + ".weight", {out_each, in, kernel, kernel}));
    biases.push_back(model.at(name + ".bias", {out_each}));
  }
}

void ConvolutionWeights::load_into(Convolution& convolution) const {
  std::vector<float> buffer, bias, joined;
  for (const auto& part : biases) {
    const auto values = part.values(buffer);
    bias.insert(bias.end(), values.begin(), values.end());
  }
  if (weights.size() == 1) {
    convolution.load(weights.front().values(buffer).data(), bias);
  } else {
    for (const auto& part : weights) {
      const auto values = part.values(buffer);
      joined.insert(joined.end(), values.begin(), values.end());
    }
    convolution.load(joined.data(), bias);
  }
  for (const auto& part : weights) part.forget();
}

}  // namespace tessera
