#include "engine/latent_table.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "kernels/bf16.h"

namespace tessera {
namespace {

void make_unit_length(std::span<float> row) {
  constexpr double kLeastLength = 1e-12;  // LibTorch's
  double squares = 0;
  for (const float value : row) squares += static_cast<double>(value) * value;
  const double length = std::max(std::sqrt(squares), kLeastLength);
  for (float& value : row) value = static_cast<float>(value / length);
}

template <typename T>
void project(std::span<const float> code, std::span<const float> projection,
             std::span<const float> bias, T* latent) {
  for (std::size_t channel = 0; channel < bias.size(); ++channel) {
    float sum = bias[channel];
    for (std::size_t i = 0; i < code.size(); ++i)
      sum += code[i] * projection[channel * code.size() + i];
    latent[channel] = kernels::from_float<T>(sum);
  }
}

}  // namespace

LatentTable::LatentTable(const ModelWeights& weights, const TokenizerConfig& config)
    : code_size_(static_cast<std::size_t>(config.code_size)),
      codebook_(
          weights.at("quantize.embedding.weight", {config.codebook_size, config.code_size}).copy()),
      projection_(
          weights.at("post_quant_conv.weight", {config.latent_channels, config.code_size, 1, 1})
              .copy()),
      bias_(weights.at("post_quant_conv.bias", {config.latent_channels}).copy()) {
  if (!config.l2_normalised) return;
  for (std::size_t at = 0; at < codebook_.size(); at += code_size_)
    make_unit_length(std::span(codebook_).subspan(at, code_size_));
}

void LatentTable::look_up(std::span<const std::int32_t> codes, ActivationType type,
                          std::byte* latents) const {
  const auto codebook_size = codebook_.size() / code_size_;
  for (std::size_t position = 0; position < codes.size(); ++position) {
    const auto code = static_cast<std::size_t>(codes[position]);
    if (codes[position] < 0 || code >= codebook_size)
      throw Error("token " + std::to_string(codes[position]) + " at position " +
                  std::to_string(position) + " is not a code, expected 0 to " +
                  std::to_string(codebook_size - 1));
    const auto vector = std::span(codebook_).subspan(code * code_size_, code_size_);
    const std::size_t at = position * bias_.size();
    if (type == ActivationType::bf16)
      project(vector, projection_, bias_, reinterpret_cast<kernels::Bf16*>(latents) + at);
    else
      project(vector, projection_, bias_, reinterpret_cast<float*>(latents) + at);
  }
}

std::size_t LatentTable::weight_bytes() const {
  return (codebook_.size() + projection_.size() + bias_.size()) * sizeof(float);
}

}  // namespace tessera
