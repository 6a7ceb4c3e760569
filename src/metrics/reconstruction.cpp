#include "metrics/reconstruction.h"

#include "base/error.h"
#include "metrics/feature_statistics.h"
#include "metrics/pixel_errors.h"
#include "tokenizer/code_usage.h"

namespace tessera {

nlohmann::json measure_reconstruction(Tokenizer& tokenizer, const ImageBatches& images,
                                      const FeatureNet* net) {
  torch::NoGradGuard no_grad;
  const int codebook_size = tokenizer.config().recipe.tokenizer.codebook_size;
  CodeUsage usage(codebook_size);
  std::map<std::string, double> sums;
  FeatureStatistics originals, reconstructions;
  std::int64_t count = 0, tokens = 0, pixels = 0;
  images([&](const torch::Tensor& original) {
    const auto codes = tokenizer.encode(original);  // [B, T]
    const auto reconstruction = tokenizer.decode(codes);
    usage.add(codes);
    const auto add = [&](const char* name, const torch::Tensor& values) {
      sums[name] += values.sum().item<double>();
    };
    add("psnr", psnr(original, reconstruction));
    add("ssim", ssim(original, reconstruction));
    add("l1", l1_error(original, reconstruction));
    add("l2", l2_error(original, reconstruction));
    if (net) {
      originals.add(net->features(as_8_bit(original)));
      reconstructions.add(net->features(as_8_bit(reconstruction)));
    }
    count += original.size(0), tokens = codes.size(1), pixels = original.size(2) * original.size(3);
  });
  if (count < 2) throw Error("there are " + std::to_string(count) + " images, expected at least 2");
  nlohmann::json result = {
      {"images", count},
      {"codebook_perplexity", usage.perplexity()},
      {"codebook_used", (usage.counts() > 0).sum().item<std::int64_t>()},
      {"unigram_entropy", usage.entropy()},
      {"codebook_size", codebook_size},
      {"tokens_per_image", tokens},
      {"bits_per_pixel",
       static_cast<double>(tokens) * std::log2(codebook_size) / static_cast<double>(pixels)}};
  for (const auto& [name, sum] : sums) result[name] = sum / static_cast<double>(count);
  if (net) {
    add_frechet_distance(result, originals, reconstructions);
    result["feature_space"] = net->hash();
  }
  return result;
}

ImageBatches reconstructions_of(Tokenizer& tokenizer, ImageBatches images) {
  return [&tokenizer, images = std::move(images)](const auto& use) {
    torch::NoGradGuard no_grad;
    images([&](const torch::Tensor& batch) { use(tokenizer.decode(tokenizer.encode(batch))); });
  };
}

}  // namespace tessera
