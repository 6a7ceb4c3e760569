#include "features/perceptual_net.h"

#include "base/settings.h"

namespace tessera {
namespace {

void check_kind(const fs::path& folder, Perceptual kind) {
  const auto path = folder / "config.json";
  const auto json = read_json(path);
  const auto found = json.is_object() ? json.value("kind", nlohmann::json()) : nlohmann::json();
  const auto expected = choice_name(kind);
  if (found != expected)
    throw FileError(path, "kind", found.is_string() ? found.get<std::string>() : found.dump(),
                    expected + ", which is tokenizer_training.perceptual");
}

}  // namespace

PerceptualNet PerceptualNet::load(const fs::path& folder, Perceptual kind,
                                  const torch::Device& device) {
  check_kind(folder, kind);
  if (kind == Perceptual::lpips) return PerceptualNet(Lpips::load(folder, device));
  return PerceptualNet(FeatureNet::load(folder, device));
}

torch::Tensor PerceptualNet::distance(const torch::Tensor& a, const torch::Tensor& b) const {
  if (const auto* lpips = std::get_if<Lpips>(&net_)) return lpips->distance(a, b);
  return perceptual_distance(std::get<FeatureNet>(net_), a, b);
}

Perceptual PerceptualNet::kind() const {
  return std::holds_alternative<Lpips>(net_) ? Perceptual::lpips : Perceptual::features;
}

const std::string& PerceptualNet::hash() const {
  return std::visit([](const auto& net) -> const std::string& { return net.hash(); }, net_);
}

}  // namespace tessera
