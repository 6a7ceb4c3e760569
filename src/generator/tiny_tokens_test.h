// A tiny data set for tests: tokens that their class and the token before predict, with noise.
#pragma once

#include <filesystem>
#include <string>

#include "base/random.h"
#include "recipe/recipe.h"
#include "tokens/token_file.h"

namespace tessera {

inline Recipe tiny_recipe() {
  Recipe recipe;
  recipe.generator = {.layers = 2, .heads = 2, .dim = 16, .ffn_multiple = 8, .qk_norm = true};
  recipe.generator_training.steps = 8;
  recipe.generator_training.batch_size = 6;
  recipe.generator_training.learning_rate = 3e-3;
  recipe.generator_training.warmup_steps = 2;
  recipe.generator_training.log_every = 1;
  recipe.generator_training.valid_every = 4;
  recipe.generator_training.checkpoint_every = 4;
  recipe.generator_training.precision = Precision::float32;
  return recipe;
}

inline TokenSet tiny_tokens(int images, std::uint64_t seed, const std::string& tokenizer_hash) {
  constexpr int kVocabulary = 12, kClasses = 3;
  TokenSet set;
  set.header = {.grid_rows = 2,
                .grid_columns = 3,
                .codebook_size = kVocabulary,
                .tokenizer_hash = tokenizer_hash,
                .class_names = {"cat", "dog", "fish"},
                .made_by = nlohmann::json::object(),
                .data = "tiny"};
  set.crops = 2;
  Rng rng(seed);
  for (int image = 0; image < images; ++image) {
    set.labels.push_back(static_cast<std::int32_t>(rng.below(kClasses)));
    for (int crop = 0; crop < set.crops; ++crop) {
      auto code = static_cast<std::uint64_t>(set.labels.back());
      for (int position = 0; position < set.header.tokens_per_image(); ++position) {
        code = rng.uniform() < 0.9 ? (code * 5 + 1) % kVocabulary : rng.below(kVocabulary);
        set.codes.push_back(static_cast<std::int32_t>(code));
      }
    }
  }
  return set;
}

/// A folder of this test's own, empty.
inline fs::path test_folder(const std::string& name) {
  const auto folder = fs::temp_directory_path() / ("tessera_generator_" + name);
  fs::remove_all(folder);
  fs::create_directories(folder);
  return folder;
}

}  // namespace tessera
