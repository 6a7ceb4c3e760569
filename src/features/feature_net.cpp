#include "features/feature_net.h"

#include <bit>

#include "base/error.h"
#include "features/op_direction_distance.h"

namespace tessera {
namespace {

std::string name_of(int level, int conv) {
  return "levels." + std::to_string(level) + "." + std::to_string(conv);
}

// Statistics in at least float32, also under autocast.
torch::Tensor at_least_float32(const torch::Tensor& x) {
  return x.scalar_type() == torch::kFloat64 ? x : x.to(torch::kFloat32);
}

int read_int(const nlohmann::json& extra, const char* name, int most, const fs::path& path) {
  const auto found = extra.is_object() ? extra.value(name, nlohmann::json()) : nlohmann::json();
  if (!found.is_number_integer() || found.get<std::int64_t>() < 1 ||
      found.get<std::int64_t>() > most)
    throw FileError(path, std::string("extra.") + name, found.dump(),
                    "1 to " + std::to_string(most));
  return found.get<int>();
}

void check_shape(const TensorMap& weights, const std::string& name,
                 const std::vector<std::int64_t>& expected, const fs::path& path) {
  const auto found = weights.find(name);
  if (found == weights.end()) throw FileError(path, "tensor '" + name + "' is missing");
  if (found->second.sizes() != torch::IntArrayRef(expected) ||
      found->second.scalar_type() != torch::kFloat32)
    throw FileError(path, "tensor '" + name + "'", shape_text(found->second.sizes().vec()),
                    "float32 " + shape_text(expected));
}

void check_weights(const TensorMap& weights, const FeatureShape& shape, const fs::path& path) {
  for (int level = 0, input = 3; level < shape.levels; ++level)
    for (int conv = 0; conv < 2; ++conv, input = shape.channels(level)) {
      check_shape(weights, name_of(level, conv) + ".weight", {shape.channels(level), input, 3, 3},
                  path);
      check_shape(weights, name_of(level, conv) + ".bias", {shape.channels(level)}, path);
    }
  check_shape(weights, "head.weight", {shape.outputs, shape.channels(shape.levels - 1)}, path);
  check_shape(weights, "head.bias", {shape.outputs}, path);
}

}  // namespace

int FeatureShape::levels_for(int image_size) {
  return std::clamp(static_cast<int>(std::bit_width(static_cast<unsigned>(image_size))) - 3, 2, 6);
}

FeatureNet FeatureNet::load(const fs::path& folder, const torch::Device& device) {
  const auto extra = read_model_config(folder, "features").extra;
  const fs::path config = folder / "config.json";
  FeatureShape shape{.width = read_int(extra, "width", 4096, config),
                     .levels = read_int(extra, "levels", 8, config),
                     .outputs = read_int(extra, "outputs", 1 << 24, config)};
  const auto file = open_model_weights(folder);
  auto weights = read_tensors(file);
  check_weights(weights, shape, file.path());
  for (auto& [name, tensor] : weights) tensor = tensor.to(device);
  return FeatureNet(shape, std::move(weights), model_hash(folder));
}

FeatureNet::FeatureNet(const FeatureShape& shape, TensorMap weights, std::string hash)
    : shape_(shape), weights_(std::move(weights)), hash_(std::move(hash)) {
  for (auto& [name, tensor] : weights_) {
    tensor = tensor.detach();
    if (tensor.dim() == 4) tensor = tensor.contiguous(at::MemoryFormat::ChannelsLast);
  }
}

std::vector<torch::Tensor> FeatureNet::stages(const torch::Tensor& images) const {
  TESSERA_CHECK(images.dim() == 4 && images.size(1) == 3);
  std::vector<torch::Tensor> maps;
  auto x = images;  // [B, 3, H, W]
  for (int level = 0; level < shape_.levels; ++level) {
    for (int conv = 0; conv < 2; ++conv) {
      const auto name = name_of(level, conv);
      x = torch::conv2d(x, weights_.at(name + ".weight"), weights_.at(name + ".bias"),
                        /*stride=*/conv == 0 ? 2 : 1, /*padding=*/1)
              .relu_();
    }
    maps.push_back(x);  // [B, channels(level), H/2, W/2]
  }
  return maps;
}

torch::Tensor FeatureNet::features(const torch::Tensor& images) const {
  return at_least_float32(stages(images).back()).mean({2, 3});
}

torch::Tensor FeatureNet::logits(const torch::Tensor& images) const {
  return torch::linear(features(images), weights_.at("head.weight"), weights_.at("head.bias"));
}

FeatureNet FeatureNet::to(torch::ScalarType type) const {
  auto weights = weights_;
  for (auto& [name, tensor] : weights) tensor = tensor.to(type);
  return FeatureNet(shape_, std::move(weights), hash_);
}

torch::Tensor perceptual_distance(const FeatureNet& net, const torch::Tensor& a,
                                  const torch::Tensor& b) {
  TESSERA_CHECK(a.sizes() == b.sizes());
  const auto of_a = net.stages(a), of_b = net.stages(b);
  torch::Tensor total;  // [B]
  for (std::size_t stage = 0; stage < of_a.size(); ++stage) {
    const auto distance = direction_distance(of_a[stage], of_b[stage]);
    total = total.defined() ? total + distance : distance;
  }
  return total / static_cast<double>(of_a.size());
}

}  // namespace tessera
