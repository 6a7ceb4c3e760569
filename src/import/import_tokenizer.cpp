#include "base/error.h"
#include "base/settings.h"
#include "import/import_model.h"
#include "import/imported_folder.h"
#include "import/vq_layout.h"

namespace tessera {
namespace {

// Everything computes in float32, as the published numbers do; config.json may say otherwise.
Recipe recipe_of(const TokenizerConfig& tokenizer, int image_size, const fs::path& path) {
  Recipe recipe;
  recipe.tokenizer = tokenizer;
  recipe.data.image_size = image_size;
  recipe.tokenizer_training.precision = Precision::float32;
  recipe.generator_training.precision = Precision::float32;
  try {
    recipe.validate();
  } catch (const Error& error) {
    throw Error(path.string() + ": " + error.what());
  }
  return recipe;
}

const Checkpoint open_only(const ImportOptions& options) {
  if (options.files.size() != 1)
    throw Error("there are " + std::to_string(options.files.size()) + " files, expected one");
  return Checkpoint::open(options.files.front());
}

nlohmann::json write_tokenizer(const ImportVqOptions& options, const FoundWeights& found,
                               const ForeignWeights& weights, bool l2_normalised) {
  auto config = vq_config_of(weights);
  config.l2_normalised = l2_normalised;
  const auto recipe = recipe_of(config, options.image_size, weights.path());
  auto result =
      write_imported_folder(options.out, {.kind = "tokenizer", .recipe = recipe},
                            weights.matched(vq_shapes(config)), {found.checkpoint->source()});
  result["found"] = report_found(found, options.quiet);
  result["tokenizer"] = to_json(config);
  return result;
}

}  // namespace

nlohmann::json import_llamagen_vq(const ImportVqOptions& options) {
  require_new_folder(options.out);
  const auto checkpoint = open_only(options);
  const auto found = find_weights(checkpoint, kLlamagenVq, options.weights);
  return write_tokenizer(options, found, {found, kLlamagenVq}, true);
}

nlohmann::json import_taming_vqgan(const ImportVqOptions& options) {
  require_new_folder(options.out);
  const auto checkpoint = open_only(options);
  const auto found = find_weights(checkpoint, kTamingVqgan, options.weights);
  const ForeignWeights encoder(found, kTamingVqgan,
                               [](const auto& name) { return taming_name(name, 1); });
  const int levels = encoder.count([](int level) {
    return "encoder.conv_blocks." + std::to_string(level) + ".res.0.conv1.weight";
  });
  const auto name_in_file = [=](const std::string& name) { return taming_name(name, levels); };
  return write_tokenizer(options, found, {found, kTamingVqgan, name_in_file}, false);
}

}  // namespace tessera
