// Images and a recipe on which a tokenizer trains in seconds.
#pragma once

#include "base/random.h"
#include "tokenizer/trainer.h"

namespace tessera {

/// Squares of 2 x 2 blocks in random colours.
class TinyImages : public ImageSet {
 public:
  explicit TinyImages(std::size_t size) : size_(size) {}
  std::size_t size() const override { return size_; }
  int label(std::size_t) const override { return 0; }
  std::string name(std::size_t index) const override { return std::to_string(index); }
  const std::vector<std::string>& class_names() const override { return class_names_; }
  void read(std::size_t index, int side, float* pixels) const override {
    for (int y = 0; y < side; ++y)
      for (int x = 0; x < side; ++x)
        for (std::uint64_t channel = 0; channel < 3; ++channel) {
          const auto block = static_cast<std::uint64_t>(2 * y / side * 2 + 2 * x / side);
          *pixels++ = static_cast<float>(2 * Rng(mix({index, block, channel})).uniform() - 1);
        }
  }

 private:
  std::size_t size_;
  std::vector<std::string> class_names_ = {"blocks"};
};

inline Recipe tiny_recipe() {
  Recipe recipe;
  recipe.data.image_size = 8;
  recipe.tokenizer.channels = 32;
  recipe.tokenizer.multipliers = {1, 1};
  recipe.tokenizer.encoder_blocks = recipe.tokenizer.decoder_blocks = 1;
  recipe.tokenizer.latent_channels = 8;
  recipe.tokenizer.codebook_size = 16;
  recipe.tokenizer.code_size = 4;
  auto& training = recipe.tokenizer_training;
  training.steps = 12;
  training.batch_size = 4;
  training.learning_rate = 1e-3;
  training.warmup_steps = 0;
  training.perceptual_weight = 0;
  training.valid_images = 4;
  training.precision = Precision::float32;
  return recipe;
}

/// With a discriminator of 2 x 2 patches that learns from the first step.
inline Recipe tiny_adversarial_recipe() {
  auto recipe = tiny_recipe();
  auto& training = recipe.tokenizer_training;
  training.adversarial_weight = 0.1;
  training.adversarial_anneal_steps = 4;
  training.discriminator_layers = 1;
  training.discriminator_channels = 8;
  training.discriminator_learning_rate = 1e-3;
  return recipe;
}

inline TokenizerTrainer tiny_trainer(const Recipe& recipe) {
  const auto images = std::make_shared<TinyImages>(32);
  recipe.validate();
  return TokenizerTrainer(recipe, {.train = images, .valid = images, .data = "blocks"}, 5,
                          torch::kCPU);
}

}  // namespace tessera
