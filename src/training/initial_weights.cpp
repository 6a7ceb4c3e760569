#include "training/initial_weights.h"

#include "base/error.h"
#include "base/settings.h"

namespace tessera {
namespace {

// "; tokenizer.codebook_size is 64 there and 32 in the recipe", for every key that differs.
std::string differing_keys(const InitialWeights& initial, const Recipe& recipe) {
  const auto& table = initial.config.kind;  // "tokenizer" and "generator" are tables, too
  const auto there = to_json(initial.config.recipe), here = to_json(recipe);
  std::string text;
  for (const auto& [key, value] : here.at(table).items())
    if (there[table][key] != value)
      text += "; " + table + "." + key + " is " + there[table][key].dump() + " there and " +
              value.dump() + " in the recipe";
  return text;
}

// Refuses what changes what the same weights compute and shows in no shape.
void require_same_meaning(const InitialWeights& initial, const Recipe& recipe) {
  const auto& table = initial.config.kind;
  const auto there = to_json(initial.config.recipe), here = to_json(recipe);
  for (const char* key : {"l2_normalised", "heads", "rope_base", "norm_epsilon"})
    if (here[table].contains(key) && here[table][key] != there[table][key])
      throw FileError(initial.folder / "config.json", table + "." + key, there[table][key].dump(),
                      here[table][key].dump() +
                          " as in the recipe: the same weights would compute something else");
}

}  // namespace

InitialWeights read_initial_weights(const fs::path& folder, const std::string& kind) {
  InitialWeights initial{.folder = folder, .config = read_model_config(folder, kind)};
  initial.hash = model_hash(folder);
  initial.tensors = read_tensors(open_model_weights(folder));
  return initial;
}

void load_initial_weights(torch::nn::Module& module, const InitialWeights& initial,
                          const Recipe& recipe) {
  require_same_meaning(initial, recipe);
  try {
    load_tensors(module, initial.tensors, "--init " + initial.folder.string());
  } catch (const Error& error) {
    throw Error(error.what() + differing_keys(initial, recipe));
  }
}

}  // namespace tessera
