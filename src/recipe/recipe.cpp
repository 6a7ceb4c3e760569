#include "recipe/recipe.h"

#include "base/settings.h"
#include "recipe/guidance.h"

namespace tessera {
namespace {

void require(bool holds, const std::string& key, const auto& found, const std::string& expected) {
  if (!holds) throw Error(key + " is " + nlohmann::json(found).dump() + ", expected " + expected);
}

bool is_fraction(double value) { return value >= 0 && value <= 1; }

// The settings that both trainers share.
void validate_training(const auto& training, const std::string& table) {
  require(training.steps >= 1, table + ".steps", training.steps, "at least 1");
  require(training.batch_size >= 1, table + ".batch_size", training.batch_size, "at least 1");
  require(training.learning_rate > 0, table + ".learning_rate", training.learning_rate, "above 0");
  require(training.warmup_steps >= 0, table + ".warmup_steps", training.warmup_steps, "0 or more");
  require(is_fraction(training.decay_fraction), table + ".decay_fraction", training.decay_fraction,
          "between 0 and 1");
  require(training.clip_norm > 0, table + ".clip_norm", training.clip_norm, "above 0");
  require(training.beta1 >= 0 && training.beta1 < 1, table + ".beta1", training.beta1,
          "at least 0 and below 1");
  require(training.beta2 >= 0 && training.beta2 < 1, table + ".beta2", training.beta2,
          "at least 0 and below 1");
  require(training.weight_decay >= 0, table + ".weight_decay", training.weight_decay, "0 or more");
  require(training.ema_decay >= 0 && training.ema_decay < 1, table + ".ema_decay",
          training.ema_decay, "at least 0 and below 1");
  require(training.accumulate >= 1 && training.batch_size % training.accumulate == 0,
          table + ".accumulate", training.accumulate,
          "a divisor of batch_size, " + std::to_string(training.batch_size));
  for (const auto& [key, value] :
       {std::pair{"log_every", training.log_every}, std::pair{"valid_every", training.valid_every},
        std::pair{"valid_images", training.valid_images},
        std::pair{"checkpoint_every", training.checkpoint_every}})
    require(value >= 1, table + "." + key, value, "at least 1");
}

void validate_discriminator(const TokenizerTrainingConfig& config) {
  const std::string table = "tokenizer_training.";
  for (const auto& [key, value] :
       {std::pair{"adversarial_start", config.adversarial_start},
        std::pair{"discriminator_warmup_steps", config.discriminator_warmup_steps},
        std::pair{"adversarial_anneal_steps", config.adversarial_anneal_steps}})
    require(value >= 0, table + key, value, "0 or more");
  require(config.discriminator_layers >= 1 && config.discriminator_layers <= 8,
          table + "discriminator_layers", config.discriminator_layers, "1 to 8");
  require(config.discriminator_channels >= 1 && config.discriminator_channels <= 1024,
          table + "discriminator_channels", config.discriminator_channels, "1 to 1024");
  require(config.discriminator_learning_rate > 0, table + "discriminator_learning_rate",
          config.discriminator_learning_rate, "above 0");
  for (const auto& [key, value] : {std::pair{"discriminator_beta1", config.discriminator_beta1},
                                   std::pair{"discriminator_beta2", config.discriminator_beta2}})
    require(value >= 0 && value < 1, table + key, value, "at least 0 and below 1");
}

// The losses whose networks need images of some size.
void validate_image_size(int image_size, const TokenizerTrainingConfig& config) {
  const int smallest = 3 << config.discriminator_layers;
  require(config.adversarial_weight == 0 || config.discriminator_patches(image_size) >= 1,
          "tokenizer_training.discriminator_layers", config.discriminator_layers,
          "fewer: each halves the image, " + std::to_string(config.discriminator_layers) +
              " leave no patch of images below " + std::to_string(smallest) +
              " pixels and data.image_size is " + std::to_string(image_size));
  require(config.perceptual != Perceptual::lpips || image_size >= 16,
          "tokenizer_training.perceptual", choice_name(config.perceptual),
          "features: LPIPS needs a data.image_size of at least 16");
}

int regularized_channels(const TokenizerConfig& tokenizer, RegularizerAttach attach,
                         RegularizedLatents which) {
  const bool wide =
      which == RegularizedLatents::continuous && attach == RegularizerAttach::features;
  return wide ? tokenizer.latent_channels : tokenizer.code_size;
}

// What is wrong with a recipe; empty if nothing is.
std::string problem_of(const Recipe& recipe) {
  try {
    recipe.validate();
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

// The override that a problem is about: the last that sets the key which the problem begins with,
// or else all of them.
std::string blamed(const std::vector<std::string>& overrides, const std::string& problem) {
  std::string all;
  for (const auto& assignment : overrides) all += (all.empty() ? "--set " : " ") + assignment;
  for (auto one = overrides.rbegin(); one != overrides.rend(); ++one)
    if (problem.starts_with(one->substr(0, one->find('=')) + " ")) return "--set " + *one;
  return all;
}

}  // namespace

void DataConfig::validate() const {
  require(image_size >= 4 && image_size <= 4096, "data.image_size", image_size, "4 to 4096 pixels");
  require(crop_scale >= 1 && crop_scale <= 4, "data.crop_scale", crop_scale, "1 to 4");
  require(valid_fraction >= 0 && valid_fraction < 1, "data.valid_fraction", valid_fraction,
          "at least 0 and below 1");
  require(train_images >= 0, "data.train_images", train_images, "0 or more");
  require(loader_threads >= 1 && loader_threads <= 256, "data.loader_threads", loader_threads,
          "1 to 256");
  require(cache_megabytes >= 0, "data.cache_megabytes", cache_megabytes, "0 or more");
}

void TokenizerConfig::validate(int image_size) const {
  require(channels >= 32 && channels <= 4096 && channels % 32 == 0, "tokenizer.channels", channels,
          "a multiple of 32 (GroupNorm has 32 groups), up to 4096");
  require(decoder_channels >= 0 && decoder_channels <= 4096 && decoder_channels % 32 == 0,
          "tokenizer.decoder_channels", decoder_channels, "0 or a multiple of 32, up to 4096");
  require(!multipliers.empty() && multipliers.size() <= 8, "tokenizer.multipliers", multipliers,
          "1 to 8 numbers");
  for (const int multiplier : multipliers)
    require(multiplier >= 1 && multiplier <= 64, "tokenizer.multipliers", multipliers,
            "numbers from 1 to 64");
  require(encoder_blocks >= 1 && encoder_blocks <= 64, "tokenizer.encoder_blocks", encoder_blocks,
          "1 to 64");
  require(decoder_blocks >= 1 && decoder_blocks <= 64, "tokenizer.decoder_blocks", decoder_blocks,
          "1 to 64");
  require(latent_channels >= 1 && latent_channels <= 16384, "tokenizer.latent_channels",
          latent_channels, "1 to 16384");
  require(codebook_size >= 2 && codebook_size <= (1 << 20), "tokenizer.codebook_size",
          codebook_size, "2 to 1048576");
  require(code_size >= 1 && code_size <= 16384, "tokenizer.code_size", code_size, "1 to 16384");
  require(codebook_decay >= 0 && codebook_decay < 1, "tokenizer.codebook_decay", codebook_decay,
          "at least 0 and below 1");
  require(image_size % downsampling() == 0, "data.image_size", image_size,
          "a multiple of " + std::to_string(downsampling()) +
              ", since tokenizer.multipliers halves the image " +
              std::to_string(multipliers.size() - 1) + " times");
}

int RegularizerConfig::input_channels(const TokenizerConfig& tokenizer) const {
  return regularized_channels(tokenizer, attach, input);
}

int RegularizerConfig::output_channels(const TokenizerConfig& tokenizer) const {
  if (loss == RegularizerLoss::cross_entropy) return tokenizer.code_size;  // a point in code space
  return regularized_channels(tokenizer, attach, target);
}

void RegularizerConfig::validate() const {
  require(weight >= 0, "regularizer.weight", weight, "0 or more");
  require(start_step >= 0, "regularizer.start_step", start_step, "0 or more");
  require(anneal_steps >= 0, "regularizer.anneal_steps", anneal_steps, "0 or more");
  require(depth >= 1 && depth <= 64, "regularizer.depth", depth, "1 to 64");
  require(heads >= 1, "regularizer.heads", heads, "at least 1");
  require(width >= 1 && width <= 16384 && width % heads == 0, "regularizer.width", width,
          "a multiple of heads, up to 16384");
  require(learning_rate > 0, "regularizer.learning_rate", learning_rate, "above 0");
  require(weight_decay >= 0, "regularizer.weight_decay", weight_decay, "0 or more");
  const bool squared_error = loss == RegularizerLoss::l2;
  const bool uses_continuous = input == RegularizedLatents::continuous ||
                               (squared_error && target == RegularizedLatents::continuous);
  require(attach == RegularizerAttach::code || uses_continuous, "regularizer.attach",
          choice_name(attach),
          std::string("code where regularizer.input is quantized and ") +
              (squared_error ? "target is too" : "loss is cross_entropy") +
              ": no other latents are used");
  require(reduction == RegularizerReduction::mean || (squared_error && !variance_normalised),
          "regularizer.reduction", choice_name(reduction),
          squared_error ? "mean where regularizer.variance_normalised is true: the number of "
                          "dimensions cancels"
                        : "mean where regularizer.loss is cross_entropy");
}

void TokenizerTrainingConfig::validate() const {
  validate_training(*this, "tokenizer_training");
  for (const auto& [key, value] :
       {std::pair{"l1_weight", l1_weight}, std::pair{"l2_weight", l2_weight},
        std::pair{"perceptual_weight", perceptual_weight},
        std::pair{"codebook_weight", codebook_weight},
        std::pair{"commitment_weight", commitment_weight},
        std::pair{"entropy_weight", entropy_weight},
        std::pair{"adversarial_weight", adversarial_weight},
        std::pair{"lecam_weight", lecam_weight}})
    require(value >= 0, std::string("tokenizer_training.") + key, value, "0 or more");
  require(entropy_temperature > 0, "tokenizer_training.entropy_temperature", entropy_temperature,
          "above 0");
  require(l1_weight + l2_weight + perceptual_weight > 0, "tokenizer_training.l2_weight", l2_weight,
          "above 0 when no other reconstruction loss is on");
  require(revive_every >= 0, "tokenizer_training.revive_every", revive_every, "0 or more");
  require(is_fraction(revive_until), "tokenizer_training.revive_until", revive_until,
          "between 0 and 1");
  require(decoder_only_fraction >= 0 && decoder_only_fraction < 1,
          "tokenizer_training.decoder_only_fraction", decoder_only_fraction,
          "at least 0 and below 1");
  validate_discriminator(*this);
  require(roll_backs >= 0, "tokenizer_training.roll_backs", roll_backs, "0 or more");
}

int TokenizerTrainingConfig::discriminator_patches(int image_size) const {
  return std::max(0, (image_size >> discriminator_layers) - 2);
}

int GeneratorConfig::ffn_dim() const {
  const int hidden = 2 * (4 * dim) / 3;
  return (hidden + ffn_multiple - 1) / ffn_multiple * ffn_multiple;
}

void GeneratorConfig::validate() const {
  require(layers >= 1 && layers <= 512, "generator.layers", layers, "1 to 512");
  require(heads >= 1, "generator.heads", heads, "at least 1");
  require(dim >= 4 && dim <= 65536 && dim % heads == 0 && dim / heads % 4 == 0, "generator.dim",
          dim, "a multiple of 4 x heads, so that each head turns with row and column, up to 65536");
  require(ffn_multiple >= 1 && ffn_multiple <= 65536, "generator.ffn_multiple", ffn_multiple,
          "1 to 65536");
  require(rope_base > 1, "generator.rope_base", rope_base, "above 1");
  require(norm_epsilon > 0, "generator.norm_epsilon", norm_epsilon, "above 0");
}

void GeneratorTrainingConfig::validate() const {
  validate_training(*this, "generator_training");
  for (const auto& [key, value] :
       {std::pair{"class_dropout", class_dropout}, std::pair{"token_dropout", token_dropout},
        std::pair{"residual_dropout", residual_dropout}, std::pair{"ffn_dropout", ffn_dropout},
        std::pair{"drop_path", drop_path}})
    require(value >= 0 && value < 1, std::string("generator_training.") + key, value,
            "at least 0 and below 1");
}

void SamplingConfig::validate() const {
  require(cfg >= 0, "sampling.cfg", cfg, "0 or more");
  parse_guidance_schedule(cfg_schedule, "sampling.cfg_schedule");
  require(temperature >= 0, "sampling.temperature", temperature, "0 or more");
  require(top_k >= 0, "sampling.top_k", top_k, "0 or more");
  require(top_p > 0 && top_p <= 1, "sampling.top_p", top_p, "above 0 and at most 1");
}

void Recipe::validate() const {
  data.validate();
  tokenizer.validate(data.image_size);
  regularizer.validate();
  tokenizer_training.validate();
  validate_image_size(data.image_size, tokenizer_training);
  require(!regularizer.on() || tokens_per_image() > 1, "regularizer.weight", regularizer.weight,
          "0 where an image is a single token: nothing comes before it");
  generator.validate();
  generator_training.validate();
  sampling.validate();
}

Recipe recipe_from_json(const nlohmann::json& json, const std::string& where) {
  Recipe recipe;
  from_json(recipe, json, where);
  try {
    recipe.validate();
  } catch (const Error& error) {
    throw Error(where + ": " + error.what());
  }
  return recipe;
}

Recipe load_recipe(const std::string& path, const std::vector<std::string>& overrides) {
  Recipe recipe;
  from_json(recipe, read_toml(path), path);
  const auto problem_of_file = problem_of(recipe);
  for (const auto& assignment : overrides) {
    auto json = nlohmann::json::object();
    apply_override(json, assignment);
    const auto where = "--set " + assignment;
    try {
      from_json(recipe, json, where);
    } catch (const Error& error) {
      throw UsageError(error.what());
    }
  }
  const auto problem = problem_of(recipe);
  if (!problem.empty() && problem == problem_of_file) throw Error(path + ": " + problem);
  if (!problem.empty())
    throw UsageError(blamed(overrides, problem) + " on " + path + ": " + problem);
  return recipe;
}

std::string recipe_reference() {
  std::string text;
  Recipe recipe;
  recipe.visit([&](const char* table, auto& settings, const char* purpose) {
    text += std::string("## [") + table + "]\n\n" + purpose +
            "\n\n| key | default | meaning |\n|---|---|---|\n";
    settings.visit([&](const char* key, auto& value, const char* meaning) {
      text += std::string("| `") + key + "` | `" + to_json(value).dump() + "` | " + meaning;
      if constexpr (Choice<std::decay_t<decltype(value)>>) {
        text += " (";
        for (const auto name : choice_names(value)) text += "`" + std::string(name) + "` ";
        text.back() = ')';
      }
      text += " |\n";
    });
    text += "\n";
  });
  return text;
}

}  // namespace tessera
