#include "import/family.h"

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "base/progress.h"

namespace tessera {

const Family kLlamagenVq = {
    "llamagen-vq",
    "VQ tokenizers of LlamaGen's",
    {"encoder.conv_blocks.0.res.0.conv1.weight", "decoder.conv_blocks.0.res.0.conv1.weight"},
    {"encoder.conv_in.weight", "quantize.embedding.weight"},
    {"quantize.codebook_used", "loss.", "discriminator.", "disc.", "perceptual_loss.", "lpips.",
     "model_ema."}};
const Family kTamingVqgan = {
    "taming-vqgan",
    "VQGANs of taming-transformers'",
    {"encoder.down.0.block.0.conv1.weight", "decoder.up.0.block.0.conv1.weight"},
    kLlamagenVq.common,
    kLlamagenVq.ignored};
const Family kLlamagenGpt = {"llamagen-gpt",
                             "class-conditional transformers of LlamaGen's",
                             {"tok_embeddings.weight", "layers.0.attention.wqkv.weight",
                              "cls_embedding.embedding_table.weight"},
                             {},
                             {"freqs_cis", "causal_mask", "loss."}};
const Family kVgg16 = {
    "vgg16-lpips", "VGG16 and LPIPS' heads for it", {"features.0.weight"}, {}, {"classifier."}};
const Family kLpipsHeads = {"vgg16-lpips",
                            kVgg16.purpose,
                            {"lin0.model.1.weight", "lin0.weight"},
                            {},
                            {"net.", "scaling_layer."}};

namespace {

const std::vector<const Family*>& families() {
  static const std::vector<const Family*> all = {&kLlamagenVq, &kTamingVqgan, &kLlamagenGpt,
                                                 &kVgg16, &kLpipsHeads};
  return all;
}

// Where training scripts put weights: averages first, since they are what is published.
constexpr const char* kUsualTables[] = {"ema",         "model_ema",        "ema_model",
                                        "params_ema",  "ema_state_dict",   "model",
                                        "module",      "model_state_dict", "state_dict",
                                        "params",      "weights",          "net",
                                        "network",     "generator",        "gpt",
                                        "transformer", "vq_model",         "vqgan",
                                        "vae",         "tokenizer",        "first_stage_model"};

// torch.compile adds this to the names of what it has compiled, at any depth.
std::string without_compile_marks(std::string name) {
  constexpr std::string_view kMark = "_orig_mod.";
  for (auto at = name.find(kMark); at != std::string::npos; at = name.find(kMark, at))
    if (at == 0 || name[at - 1] == '.')
      name.erase(at, kMark.size());
    else
      at += kMark.size();
  return name;
}

// What stands before `ending` in one of the names; nothing if none ends so.
std::optional<std::string> prefix_before(const StoredTensors& table, const std::string& ending) {
  std::optional<std::string> shortest;
  for (const auto& [stored, unused] : table) {
    const auto name = without_compile_marks(stored);
    if (!name.ends_with(ending)) continue;
    const auto prefix = name.substr(0, name.size() - ending.size());
    if (!prefix.empty() && !prefix.ends_with('.')) continue;
    if (!shortest || prefix.size() < shortest->size()) shortest = prefix;
  }
  return shortest;
}

std::optional<std::string> prefix_of(const StoredTensors& table,
                                     const std::vector<std::string>& names) {
  for (const auto& name : names)
    if (auto prefix = prefix_before(table, name)) return prefix;
  return std::nullopt;
}

// The paths of the file's dictionaries in the order in which they are searched.
std::vector<std::string> search_order(const Checkpoint& checkpoint, const std::string& asked) {
  std::vector<std::string> order;
  const auto& tables = checkpoint.tables();
  const auto add = [&](const std::string& name) {
    if (tables.contains(name) && std::find(order.begin(), order.end(), name) == order.end())
      order.push_back(name);
  };
  const auto add_named = [&](const std::string& name) {
    add(name);
    for (const auto& [path, unused] : tables)
      if (path.ends_with("/" + name)) add(path);
  };
  if (!asked.empty()) {
    add_named(asked);
    return order;
  }
  for (const auto* name : kUsualTables) add_named(name);
  for (const auto& [path, unused] : tables) add(path);
  return order;
}

struct Place {
  std::string table, prefix;
};

std::optional<Place> place_of(const Checkpoint& checkpoint, const std::vector<std::string>& names,
                              const std::string& asked) {
  for (const auto& table : search_order(checkpoint, asked))
    if (const auto prefix = prefix_of(checkpoint.tables().at(table), names))
      return Place{table, *prefix};
  return std::nullopt;
}

std::string quoted_list(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ", ") + json_text(name);
  return text;
}

// "the first of 120 are "a", "b", "c" (in "model")", of the dictionary with the most tensors.
std::string found_instead(const Checkpoint& checkpoint) {
  constexpr std::size_t kShown = 3;
  const auto& tables = checkpoint.tables();
  const auto largest = std::max_element(
      tables.begin(), tables.end(),
      [](const auto& a, const auto& b) { return a.second.size() < b.second.size(); });
  if (largest == tables.end() || largest->second.empty()) return "it holds no tensors";
  std::vector<std::string> names;
  for (const auto& [name, unused] : largest->second)
    if (names.size() < kShown) names.push_back(name);
  return "the first of its " + std::to_string(largest->second.size()) + " tensors are " +
         quoted_list(names) +
         (largest->first.empty() ? "" : " (in " + json_text(largest->first) + ")");
}

std::string known_families() {
  std::vector<std::string> names;
  for (const auto* family : families())
    if (names.empty() || names.back() != family->name) names.push_back(family->name);
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

[[noreturn]] void refuse(const Checkpoint& checkpoint, const Family& family,
                         const std::string& asked) {
  std::string problem = "holds no " + family.purpose + " (tensor '" +
                        (family.common.empty() ? family.signature : family.common).front() +
                        "' is missing): " + found_instead(checkpoint);
  if (!asked.empty()) {
    std::vector<std::string> names;
    for (const auto& [name, unused] : checkpoint.tables())
      if (names.size() < 5 && !name.empty()) names.push_back(name);
    problem += "; --weights is '" + asked + "'" +
               (names.empty() ? "" : ", the file has " + quoted_list(names));
  }
  for (const auto* other : families())
    if (other->name != family.name && holds(checkpoint, *other)) {
      problem += "; they are named as in " + other->name;
      break;
    }
  throw FileError(checkpoint.path(), problem + "; known families are " + known_families());
}

}  // namespace

bool holds(const Checkpoint& checkpoint, const Family& family) {
  return place_of(checkpoint, family.signature, "").has_value();
}

FoundWeights find_weights(const Checkpoint& checkpoint, const Family& family,
                          const std::string& asked) {
  auto place = place_of(checkpoint, family.signature, asked);
  const bool of_another = std::any_of(
      families().begin(), families().end(),
      [&](const Family* other) { return other->name != family.name && holds(checkpoint, *other); });
  // A file that lacks just these tensors is told so by their names.
  if (!place && !of_another) place = place_of(checkpoint, family.common, asked);
  if (!place) refuse(checkpoint, family, asked);
  FoundWeights found{&checkpoint, place->table, place->prefix, {}};
  for (const auto& [stored, tensor] : checkpoint.tables().at(place->table)) {
    auto name = without_compile_marks(stored);
    if (name.starts_with(place->prefix)) name.erase(0, place->prefix.size());
    if (!found.named.emplace(name, tensor).second)
      throw FileError(checkpoint.path(), "holds tensor '" + name + "' twice, as '" + stored +
                                             "' and with another prefix");
  }
  return found;
}

nlohmann::json report_found(const FoundWeights& found, bool quiet) {
  if (!found.prefix.empty() && !quiet)
    say(found.checkpoint->path().string() + ": the names of its tensors begin with '" +
        found.prefix + "', which is stripped");
  return {{"table", found.table}, {"prefix", found.prefix}};
}

}  // namespace tessera
