#include "tokenizer/flops.h"

#include <cmath>

#include "features/lpips.h"
#include "tokenizer/discriminator.h"

namespace tessera {
namespace {

// Walks the architecture once and counts both multiply-adds and parameters.
class Counter {
 public:
  explicit Counter(double side) : side_(side) {}

  void conv(int in, int out, int kernel) {
    multiply_adds_ += side_ * side_ * kernel * kernel * in * out;
    parameters_ += static_cast<std::int64_t>(kernel) * kernel * in * out + out;
  }
  void norm(int channels) { parameters_ += 2 * channels; }
  void residual(int in, int out) {
    norm(in), conv(in, out, 3), norm(out), conv(out, out, 3);
    if (in != out) conv(in, out, 1);
  }
  void attention(int channels) {
    const double positions = side_ * side_;
    norm(channels);
    for (int projection = 0; projection < 4; ++projection) conv(channels, channels, 1);
    multiply_adds_ += 2 * positions * positions * channels;  // scores and their weighted sum
  }
  void middle(int channels) {
    residual(channels, channels), attention(channels), residual(channels, channels);
  }
  void down(int channels) { side_ /= 2, conv(channels, channels, 3); }
  void up(int channels) { side_ *= 2, conv(channels, channels, 3); }
  void level(int in, int out, int blocks, bool lowest) {
    for (int block = 0; block < blocks; ++block) {
      residual(block == 0 ? in : out, out);
      if (lowest) attention(out);
    }
  }

  double flops() const { return 2 * multiply_adds_; }
  std::int64_t parameters() const { return parameters_; }

 private:
  double side_, multiply_adds_ = 0;
  std::int64_t parameters_ = 0;
};

Counter count_encoder(const TokenizerConfig& config, double side) {
  Counter count(side);
  count.conv(3, config.channels, 3);
  int channels = config.channels;
  for (std::size_t level = 0; level < config.multipliers.size(); ++level) {
    const bool lowest = level + 1 == config.multipliers.size();
    const int wider = config.channels * config.multipliers[level];
    count.level(channels, wider, config.encoder_blocks, lowest);
    channels = wider;
    if (!lowest) count.down(channels);
  }
  count.middle(channels);
  count.norm(channels);
  count.conv(channels, config.latent_channels, 3);
  count.conv(config.latent_channels, config.code_size, 1);
  return count;
}

Counter count_decoder(const TokenizerConfig& config, double side) {
  Counter count(side / config.downsampling());
  const int width = config.decoder_width();
  int channels = width * config.multipliers.back();
  count.conv(config.code_size, config.latent_channels, 1);
  count.conv(config.latent_channels, channels, 3);
  count.middle(channels);
  for (std::size_t level = config.multipliers.size(); level-- > 0;) {
    const int narrower = width * config.multipliers[level];
    count.level(channels, narrower, config.decoder_blocks, level + 1 == config.multipliers.size());
    channels = narrower;
    if (level > 0) count.up(channels);
  }
  count.norm(channels);
  count.conv(channels, 3, 3);
  return count;
}

double count_regularizer(const Recipe& recipe) {
  if (!recipe.regularizer.on()) return 0;
  const auto& config = recipe.regularizer;
  const double tokens = recipe.tokens_per_image() - 1, width = config.width;
  const double projections =
      width * (config.input_channels(recipe.tokenizer) + config.output_channels(recipe.tokenizer));
  const double layer =
      12 * width * width + 2 * tokens * width;  // qkv, output, feed-forward; attention
  return 2 * tokens * (projections + config.depth * layer);
}

double count_perceptual(const Recipe& recipe) {
  const auto& config = recipe.tokenizer_training;
  const bool counted = config.perceptual_weight > 0 && config.perceptual == Perceptual::lpips;
  return counted ? Lpips::flops(recipe.data.image_size) : 0;
}

double count_discriminator(const Recipe& recipe) {
  const auto& config = recipe.tokenizer_training;
  if (config.adversarial_weight == 0) return 0;
  return discriminator_flops(config.discriminator_layers, config.discriminator_channels,
                             recipe.data.image_size);
}

// Of one image over the whole run.
double loss_flops(const Recipe& recipe, std::int64_t steps) {
  const auto& config = recipe.tokenizer_training;
  const auto flops = tokenizer_flops(recipe);
  const auto after = [&](std::int64_t start) {
    return static_cast<double>(std::max<std::int64_t>(0, steps - start));
  };
  return static_cast<double>(steps) * flops.perceptual_step() +
         after(config.adversarial_start) * flops.discriminator_step() +
         after(config.adversarial_felt()) * flops.adversarial_step();
}

// Products of every position with every code.
double count_distances(const TokenizerConfig& config, double positions) {
  return 2 * positions * config.codebook_size * config.code_size;
}

double count_regularizer_codes(const Recipe& recipe) {
  const auto& config = recipe.regularizer;
  if (!config.on() || config.loss != RegularizerLoss::cross_entropy) return 0;
  return count_distances(recipe.tokenizer, recipe.tokens_per_image() - 1);
}

// The distances forward and once more backward, the latents' gradient, and the codes' where they
// learn by gradient.
double count_entropy_step(const Recipe& recipe) {
  if (recipe.tokenizer_training.entropy_weight == 0) return 0;
  const int products = recipe.tokenizer.quantizer == QuantizerKind::vq ? 4 : 3;
  return products * count_distances(recipe.tokenizer, recipe.tokens_per_image());
}

}  // namespace

TokenizerFlops tokenizer_flops(const Recipe& recipe) {
  const auto& config = recipe.tokenizer;
  const double side = recipe.data.image_size;
  return {.encoder = count_encoder(config, side).flops(),
          .quantizer = count_distances(config, recipe.tokens_per_image()),
          .decoder = count_decoder(config, side).flops(),
          .regularizer = count_regularizer(recipe),
          .regularizer_codes = count_regularizer_codes(recipe),
          .entropy_step = count_entropy_step(recipe),
          .perceptual = count_perceptual(recipe),
          .discriminator = count_discriminator(recipe)};
}

std::int64_t decoder_only_start(const Recipe& recipe, std::int64_t steps) {
  const double share = 1 - recipe.tokenizer_training.decoder_only_fraction;
  return std::llround(share * static_cast<double>(steps));
}

double tokenizer_training_flops(const Recipe& recipe, std::int64_t steps) {
  const auto flops = tokenizer_flops(recipe);
  const auto full = decoder_only_start(recipe, steps);
  return recipe.tokenizer_training.batch_size *
         (static_cast<double>(full) * flops.step() +
          static_cast<double>(steps - full) * flops.decoder_only_step() +
          loss_flops(recipe, steps));
}

std::int64_t tokenizer_steps(const Recipe& recipe) {
  const std::int64_t steps = recipe.tokenizer_training.steps;
  if (!recipe.regularizer.on() || !recipe.regularizer.match_flops) return steps;
  Recipe plain = recipe;
  plain.regularizer.weight = 0;
  const double allowed = tokenizer_training_flops(plain, steps);
  const double share = allowed / tokenizer_training_flops(recipe, steps);
  auto matched = std::max<std::int64_t>(1, std::llround(share * static_cast<double>(steps)));
  // That is all where steps cost alike. The steps that a discriminator makes dearer come last, so
  // more of the others fit.
  if (recipe.tokenizer_training.adversarial_weight > 0)
    while (tokenizer_training_flops(recipe, matched + 1) <= allowed) ++matched;
  return matched;
}

std::int64_t tokenizer_parameters(const TokenizerConfig& config) {
  return count_encoder(config, 1).parameters() + count_decoder(config, 1).parameters() +
         static_cast<std::int64_t>(config.codebook_size) * config.code_size;
}

}  // namespace tessera
