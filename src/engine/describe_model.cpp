#include "engine/describe_model.h"

#include "base/error.h"
#include "base/settings.h"
#include "engine/generator_packing.h"
#include "models/pipeline_folder.h"

namespace tessera {
namespace {

nlohmann::json describe_generator(const fs::path& folder) {
  const auto config = read_model_config(folder, "generator");
  const auto shape = shape_of(config, folder);
  const auto type = packed_type(open_model_weights(folder));
  return {{"kind", "generator"},
          {"parameters", count_parameters(config.recipe.generator, shape)},
          {"weights", type ? name_of(*type) : "as trained"},
          {"generator", to_json(config.recipe.generator)},
          {"sampling", to_json(config.recipe.sampling)},
          {"vocabulary", shape.vocabulary},
          {"grid", {shape.grid_rows, shape.grid_columns}},
          {"classes", config.class_names},
          {"tokenizer", tokenizer_hash_of(config, folder)},
          {"data", config.data},
          {"made_by", config.made_by},
          {"hash", model_hash(folder)}};
}

nlohmann::json describe_tokenizer(const fs::path& folder) {
  const auto config = read_model_config(folder, "tokenizer");
  const auto weights = open_model_weights(folder);
  std::int64_t parameters = 0;
  for (const auto& tensor : weights.tensors())
    parameters += static_cast<std::int64_t>(tensor.bytes.size() / size_of(tensor.type));
  return {{"kind", "tokenizer"},
          {"parameters", parameters},
          {"tokenizer", to_json(config.recipe.tokenizer)},
          {"image_size", config.recipe.data.image_size},
          {"grid", {config.recipe.grid(), config.recipe.grid()}},
          {"data", config.data},
          {"made_by", config.made_by},
          {"hash", model_hash(folder)}};
}

}  // namespace

nlohmann::json describe_model(const fs::path& folder) {
  if (fs::exists(folder / kPipelineFile)) {
    const auto folders = open_pipeline_folder(folder);
    return {{"kind", "pipeline"},
            {"generator", describe_generator(folders.generator)},
            {"tokenizer", describe_tokenizer(folders.tokenizer)}};
  }
  const auto json = read_json(folder / "config.json");
  const auto kind = json.is_object() ? json.value("kind", nlohmann::json()) : nlohmann::json();
  if (kind == "generator") return describe_generator(folder);
  if (kind == "tokenizer") return describe_tokenizer(folder);
  throw FileError(folder / "config.json", "kind", kind.dump(), "generator or tokenizer");
}

}  // namespace tessera
