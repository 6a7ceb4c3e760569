#include <charconv>
#include <sstream>

#include "base/class_names.h"
#include "base/error.h"
#include "base/settings.h"
#include "generator/flops.h"
#include "import/gpt_layout.h"
#include "import/import_model.h"
#include "import/imported_folder.h"

namespace tessera {
namespace {

constexpr int kMostGrid = 256;

// "16x16" to rows and columns.
std::pair<int, int> parse_grid(const std::string& text) {
  int rows = 0, columns = 0;
  const auto* end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), end, rows);
  if (first.ec == std::errc() && first.ptr != end && *first.ptr == 'x') {
    const auto second = std::from_chars(first.ptr + 1, end, columns);
    if (second.ec == std::errc() && second.ptr == end && rows >= 1 && rows <= kMostGrid &&
        columns >= 1 && columns <= kMostGrid)
      return {rows, columns};
  }
  throw UsageError("--grid is '" + text + "', expected rows x columns such as 16x16, up to " +
                   std::to_string(kMostGrid));
}

std::vector<std::string> numbered(int classes) {
  std::vector<std::string> names;
  for (int label = 0; label < classes; ++label) names.push_back(std::to_string(label));
  return names;
}

std::vector<std::string> read_class_names(const fs::path& path, int classes) {
  constexpr std::size_t kMostBytes = 16 << 20;
  std::istringstream lines(read_file(path, kMostBytes));
  std::vector<std::string> names;
  for (std::string line; std::getline(lines, line);) {
    if (line.ends_with('\r')) line.pop_back();
    names.push_back(class_name_of_bytes(line));
  }
  if (names.size() != static_cast<std::size_t>(classes))
    throw FileError(path, "lines", std::to_string(names.size()),
                    std::to_string(classes) + ", a name for each class of the checkpoint");
  return names;
}

// The recipe of the tokenizer, with this generator's tables.
Recipe recipe_of(const ModelConfig& tokenizer, const GeneratorConfig& generator,
                 const GeneratorShape& shape, const fs::path& path) {
  auto recipe = tokenizer.recipe;
  recipe.generator = generator;
  recipe.generator_training.precision = Precision::float32;
  recipe.data.image_size = shape.grid_rows * recipe.tokenizer.downsampling();
  try {
    recipe.validate();
  } catch (const Error& error) {
    throw Error(path.string() + ": " + error.what());
  }
  return recipe;
}

}  // namespace

nlohmann::json import_llamagen_gpt(const ImportGptOptions& options) {
  require_new_folder(options.out);
  const auto [rows, columns] = parse_grid(options.grid);
  if (options.files.size() != 1)
    throw Error("there are " + std::to_string(options.files.size()) + " files, expected one");
  const auto tokenizer = read_model_config(options.tokenizer, "tokenizer");
  const auto checkpoint = Checkpoint::open(options.files.front());
  const auto found = find_weights(checkpoint, kLlamagenGpt, options.weights);
  const ForeignWeights weights(found, kLlamagenGpt);
  const auto generator = gpt_config_of(weights, options.heads);
  auto shape = gpt_shape_of(weights);
  shape.grid_rows = rows, shape.grid_columns = columns;
  if (shape.vocabulary != tokenizer.recipe.tokenizer.codebook_size)
    throw FileError(checkpoint.path(), "vocabulary", std::to_string(shape.vocabulary),
                    std::to_string(tokenizer.recipe.tokenizer.codebook_size) +
                        ", the codebook of --tokenizer " + options.tokenizer);
  const auto recipe = recipe_of(tokenizer, generator, shape, checkpoint.path());
  ModelConfig config{.kind = "generator", .recipe = recipe};
  config.class_names = options.class_names.empty()
                           ? numbered(shape.classes)
                           : read_class_names(options.class_names, shape.classes);
  config.extra = {{"vocabulary", shape.vocabulary},
                  {"grid", {rows, columns}},
                  {"tokenizer", model_hash(options.tokenizer)},
                  {"flops", flops_json(generator, shape)}};
  auto result =
      write_imported_folder(options.out, std::move(config),
                            weights.matched(gpt_shapes(generator, shape)), {checkpoint.source()});
  result["found"] = report_found(found, options.quiet);
  result["generator"] = to_json(generator);
  result["classes"] = shape.classes;
  return result;
}

}  // namespace tessera
