#include "models/generator_folder.h"

#include "base/error.h"

namespace tessera {
namespace {

constexpr int kMostTokens = 1 << 24, kMostGrid = 1 << 12;
constexpr std::size_t kHashShown = 12;  // digits of a SHA-256 that an error shows

int whole_number(const nlohmann::json& json, const std::string& field, int most,
                 const fs::path& path) {
  if (!json.is_number_integer() || json.get<std::int64_t>() < 1 || json.get<std::int64_t>() > most)
    throw FileError(path, field, json.dump(), "a whole number from 1 to " + std::to_string(most));
  return json.get<int>();
}

}  // namespace

GeneratorShape shape_of(const ModelConfig& config, const fs::path& folder) {
  const auto path = folder / "config.json";
  const auto& grid = extra_field(config, "grid", folder);
  if (!grid.is_array() || grid.size() != 2)
    throw FileError(path, "extra.grid", grid.dump(), "[rows, columns]");
  return {.vocabulary = whole_number(extra_field(config, "vocabulary", folder), "extra.vocabulary",
                                     kMostTokens, path),
          .classes = whole_number(config.class_names.size(), "classes", kMostTokens, path),
          .grid_rows = whole_number(grid[0], "extra.grid", kMostGrid, path),
          .grid_columns = whole_number(grid[1], "extra.grid", kMostGrid, path)};
}

std::string tokenizer_hash_of(const ModelConfig& config, const fs::path& folder) {
  const auto& hash = extra_field(config, "tokenizer", folder);
  if (!hash.is_string())
    throw FileError(folder / "config.json", "extra.tokenizer", hash.dump(), "a SHA-256");
  return hash.get<std::string>();
}

void check_parameters(const SafetensorsFile& weights, std::int64_t expected) {
  if (weights.metadata().contains("packed"))
    throw FileError(weights.path(),
                    "is packed for the engine, expected the folder that it was quantized from");
  std::int64_t found = 0;
  for (const auto& tensor : weights.tensors())
    found += static_cast<std::int64_t>(tensor.bytes.size() / size_of(tensor.type));
  if (found != expected)
    throw FileError(weights.path(), "parameters", std::to_string(found),
                    std::to_string(expected) + " for the shape in config.json");
}

void require_same_tokenizer(const std::string& found, const std::string& expected,
                            const fs::path& path) {
  if (found != expected)
    throw FileError(path, "tokenizer", found.substr(0, kHashShown),
                    expected.substr(0, kHashShown) +
                        ", since a generator knows only its own tokenizer's tokens");
}

}  // namespace tessera
