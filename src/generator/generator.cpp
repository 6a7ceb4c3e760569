#include "generator/generator.h"

#include "base/error.h"
#include "training/device.h"

namespace tessera {
namespace {

constexpr std::size_t kHashShown = 12;  // digits of a SHA-256 that an error shows
constexpr int kMostTokens = 1 << 24, kMostGrid = 1 << 12;

int whole_number(const nlohmann::json& json, const std::string& field, int most,
                 const fs::path& path) {
  if (!json.is_number_integer() || json.get<std::int64_t>() < 1 || json.get<std::int64_t>() > most)
    throw FileError(path, field, json.dump(), "a whole number from 1 to " + std::to_string(most));
  return json.get<int>();
}

const nlohmann::json& extra_field(const ModelConfig& config, const char* name,
                                  const fs::path& path) {
  if (!config.extra.is_object() || !config.extra.contains(name))
    throw FileError(path, std::string("field 'extra.") + name + "' is missing");
  return config.extra[name];
}

// Refused before anything of that size is allocated.
void check_size(const SafetensorsFile& weights, std::int64_t expected) {
  std::int64_t found = 0;
  for (const auto& tensor : weights.tensors())
    found += static_cast<std::int64_t>(tensor.bytes.size() / size_of(tensor.type));
  if (found != expected)
    throw FileError(weights.path(), "parameters", std::to_string(found),
                    std::to_string(expected) + " for the shape in config.json");
}

}  // namespace

GeneratorShape shape_of(const ModelConfig& config, const fs::path& folder) {
  const auto path = folder / "config.json";
  const auto& grid = extra_field(config, "grid", path);
  if (!grid.is_array() || grid.size() != 2)
    throw FileError(path, "extra.grid", grid.dump(), "[rows, columns]");
  return {.vocabulary = whole_number(extra_field(config, "vocabulary", path), "extra.vocabulary",
                                     kMostTokens, path),
          .classes = whole_number(config.class_names.size(), "classes", kMostTokens, path),
          .grid_rows = whole_number(grid[0], "extra.grid", kMostGrid, path),
          .grid_columns = whole_number(grid[1], "extra.grid", kMostGrid, path)};
}

Generator::Generator(ModelConfig config, std::string hash, std::string tokenizer_hash,
                     Transformer model, const torch::Device& device)
    : config_(std::move(config)),
      hash_(std::move(hash)),
      tokenizer_hash_(std::move(tokenizer_hash)),
      model_(std::move(model)),
      device_(device),
      bf16_(uses_bf16(config_.recipe.generator_training.precision, device)) {}

Generator Generator::load(const fs::path& folder, const torch::Device& device) {
  const fs::path path = folder / "config.json";
  auto config = read_model_config(folder, "generator");
  const auto shape = shape_of(config, folder);
  const auto& tokenizer = extra_field(config, "tokenizer", path);
  if (!tokenizer.is_string())
    throw FileError(path, "extra.tokenizer", tokenizer.dump(), "a SHA-256");
  const auto weights = open_model_weights(folder);
  check_size(weights, count_parameters(config.recipe.generator, shape));
  Transformer model(config.recipe.generator, shape);
  load_tensors(*model, read_tensors(weights), weights.path().string());
  model->to(device);
  model->eval();
  return {std::move(config), model_hash(folder), tokenizer.get<std::string>(), model, device};
}

void Generator::require_tokenizer(const std::string& hash, const fs::path& path) const {
  require_same_tokenizer(hash, tokenizer_hash_, path);
}

void require_same_tokenizer(const std::string& found, const std::string& expected,
                            const fs::path& path) {
  if (found != expected)
    throw FileError(path, "tokenizer", found.substr(0, kHashShown),
                    expected.substr(0, kHashShown) +
                        ", since a generator knows only its own tokenizer's tokens");
}

}  // namespace tessera
