#include "engine/map_norm.h"

#include <array>

#include "kernels/group_norm.h"

namespace tessera {
namespace {

constexpr std::size_t kGroups = 32;
constexpr double kEpsilon = 1e-6;

}  // namespace

MapNorm::MapNorm(const ModelWeights& weights, const std::string& name, int channels, bool silu)
    : channels_(static_cast<std::size_t>(channels)),
      silu_(silu),
      weight_(weights.at(name + ".weight", {channels}).copy()),
      bias_(weights.at(name + ".bias", {channels}).copy()),
      scale_(channels_),
      offset_(channels_) {}

void MapNorm::measure(const Moments& moments) {
  std::array<float, kGroups> mean, inverse;
  kernels::group_statistics(moments.positions.size(), moments.positions.data(), channels_, kGroups,
                            kEpsilon, moments.mean.data(), moments.squares.data(), mean.data(),
                            inverse.data());
  for (std::size_t c = 0; c < channels_; ++c) {
    const std::size_t group = c / (channels_ / kGroups);
    scale_[c] = weight_[c] * inverse[group];
    offset_[c] = bias_[c] - scale_[c] * mean[group];
  }
}

void MapNorm::apply(ActivationType type, std::size_t positions, const std::byte* input,
                    std::byte* output) const {
  const kernels::Block block{positions, channels_};
  const kernels::ChannelMaps maps{nullptr, nullptr, scale_.data(), offset_.data()};
  if (type == ActivationType::bf16)
    kernels::normalise(block, maps, silu_, reinterpret_cast<const kernels::Bf16*>(input),
                       reinterpret_cast<kernels::Bf16*>(output));
  else
    kernels::normalise(block, maps, silu_, reinterpret_cast<const float*>(input),
                       reinterpret_cast<float*>(output));
}

}  // namespace tessera
