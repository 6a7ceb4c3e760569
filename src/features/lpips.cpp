#include "features/lpips.h"

#include <array>

#include "base/error.h"
#include "training/op_precision.h"

namespace tessera {
namespace {

// torchvision's VGG16 numbers every layer of its `features`; these are the convolutions, by stage.
// Each is followed by a ReLU, each stage but the first begins with a 2x2 max pooling.
struct Stage {
  std::int64_t channels;
  std::vector<int> convolutions;
};
const std::array<Stage, 5> kStages = {
    {{64, {0, 2}}, {128, {5, 7}}, {256, {10, 12, 14}}, {512, {17, 19, 21}}, {512, {24, 26, 28}}}};

constexpr double kNormEpsilon = 1e-10;

std::string name_of(int convolution) { return "features." + std::to_string(convolution); }
std::string head_of(std::size_t stage) { return "lin" + std::to_string(stage) + ".weight"; }

// The colours VGG16 was trained on, for images in [-1, 1].
torch::Tensor normalised(const torch::Tensor& images) {
  const auto of_channels = [&](std::array<double, 3> values) {
    return torch::tensor(at::ArrayRef<double>(values), torch::kFloat64)
        .to(images.options())
        .view({1, 3, 1, 1});
  };
  return (images - of_channels({-.030, -.088, -.188})) / of_channels({.458, .448, .450});
}

// Each position's feature vector scaled to length 1. Where every ReLU is off the length is 0, and
// so is its gradient (the norm's subgradient), not NaN as that of a square root of squares.
torch::Tensor directions(const torch::Tensor& map) {
  const auto wide = map.to(statistics_type(map));
  return wide / (wide.norm(2, {1}, /*keepdim=*/true) + kNormEpsilon);
}

}  // namespace

std::map<std::string, std::vector<std::int64_t>> Lpips::shapes() {
  std::map<std::string, std::vector<std::int64_t>> shapes;
  std::int64_t input = 3;
  for (std::size_t stage = 0; stage < kStages.size(); ++stage) {
    const auto& [channels, convolutions] = kStages[stage];
    for (const int convolution : convolutions) {
      shapes[name_of(convolution) + ".weight"] = {channels, input, 3, 3};
      shapes[name_of(convolution) + ".bias"] = {channels};
      input = channels;
    }
    shapes[head_of(stage)] = {1, channels, 1, 1};
  }
  return shapes;
}

Lpips Lpips::load(const fs::path& folder, const torch::Device& device) {
  read_model_config(folder, "lpips");
  const auto file = open_model_weights(folder);
  auto weights = read_tensors(file);
  for (const auto& [name, shape] : shapes()) {
    const auto found = weights.find(name);
    if (found == weights.end()) throw FileError(file.path(), "tensor '" + name + "' is missing");
    if (found->second.sizes() != torch::IntArrayRef(shape) ||
        found->second.scalar_type() != torch::kFloat32)
      throw FileError(file.path(), "tensor '" + name + "'", shape_text(found->second.sizes().vec()),
                      "float32 " + shape_text(shape));
  }
  for (auto& [name, tensor] : weights) {
    if (!shapes().contains(name))
      throw FileError(file.path(), "tensor '" + name + "' is not known");
    tensor = tensor.to(device);
  }
  return Lpips(std::move(weights), model_hash(folder));
}

Lpips::Lpips(TensorMap weights, std::string hash)
    : weights_(std::move(weights)), hash_(std::move(hash)) {
  for (auto& [name, tensor] : weights_) {
    tensor = tensor.detach();
    if (tensor.dim() == 4) tensor = tensor.contiguous(at::MemoryFormat::ChannelsLast);
  }
}

std::vector<torch::Tensor> Lpips::stages(const torch::Tensor& images) const {
  TESSERA_CHECK(images.dim() == 4 && images.size(1) == 3);
  TESSERA_CHECK(std::min(images.size(2), images.size(3)) >= kLeastSide);
  std::vector<torch::Tensor> maps;
  auto x = normalised(images);  // [B, 3, H, W]
  for (const auto& stage : kStages) {
    if (!maps.empty()) x = torch::max_pool2d(x, 2);  // H and W halve
    for (const int convolution : stage.convolutions)
      x = torch::conv2d(x, weights_.at(name_of(convolution) + ".weight"),
                        weights_.at(name_of(convolution) + ".bias"), /*stride=*/1, /*padding=*/1)
              .relu_();
    maps.push_back(x);  // [B, channels, H, W]
  }
  return maps;
}

torch::Tensor Lpips::distance(const torch::Tensor& a, const torch::Tensor& b) const {
  TESSERA_CHECK(a.sizes() == b.sizes());
  const auto of_a = stages(a), of_b = stages(b);
  torch::Tensor total;  // [B]
  for (std::size_t stage = 0; stage < of_a.size(); ++stage) {
    const auto difference = (directions(of_a[stage]) - directions(of_b[stage])).square();
    const auto distance = (difference * weights_.at(head_of(stage))).sum(1).mean({1, 2});
    total = total.defined() ? total + distance : distance;
  }
  return total;
}

Lpips Lpips::to(torch::ScalarType type) const {
  auto weights = weights_;
  for (auto& [name, tensor] : weights) tensor = tensor.to(type);
  return Lpips(std::move(weights), hash_);
}

double Lpips::flops(int image_size) {
  double multiply_adds = 0, side = image_size;
  std::int64_t input = 3;
  for (const auto& [channels, convolutions] : kStages) {
    for (std::size_t i = 0; i < convolutions.size(); ++i, input = channels)
      multiply_adds += side * side * 9 * static_cast<double>(input * channels);
    side = std::floor(side / 2);
  }
  return 2 * multiply_adds;
}

}  // namespace tessera
