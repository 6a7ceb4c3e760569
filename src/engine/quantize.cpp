#include "engine/quantize.h"

#include "base/error.h"
#include "base/output.h"
#include "base/progress.h"
#include "base/version.h"
#include "engine/generator_weights.h"
#include "engine/likelihood.h"
#include "engine/thread_count.h"
#include "models/instruction_set_choice.h"
#include "samples/token_fit.h"

namespace tessera {
namespace {

using kernels::CacheType;
using kernels::WeightType;

constexpr std::size_t kRows = 64;  // sequences measured together

void write_packed(const fs::path& out, const ModelConfig& config, const SafetensorsFile& file,
                  const std::vector<MatrixLayout>& layouts, const PackedMatrices& packed,
                  WeightType type) {
  std::vector<TensorView> tensors;
  // Matrices first: their sizes are multiples of 64 bytes, so each of them begins at one.
  for (std::size_t index = 0; index < layouts.size(); ++index)
    tensors.push_back({layouts[index].name,
                       DType::U8,
                       {static_cast<std::int64_t>(packed.matrices[index].size())},
                       packed.matrices[index]});
  std::vector<FloatTensor> plain;
  const auto shape = shape_of(config, file.path().parent_path());
  for (const auto& [name, sides] : plain_tensors_of(config.recipe.generator, shape)) {
    const auto& tensor = plain.emplace_back(file, name, sides);
    tensor.require_finite();
    tensors.push_back({name, DType::F32, sides, std::as_bytes(tensor.values())});
  }
  auto metadata = packed_metadata(type);
  metadata["format"] = kModelFormat;
  metadata["kind"] = config.kind;
  write_model_config(out, config);
  write_safetensors(out / "model.safetensors", tensors, metadata);
}

double measure(const fs::path& folder, WeightType type, const TokenFile& tokens,
               const QuantizeOptions& options, ThreadPool& pool) {
  const auto weights = GeneratorWeights::open(folder, type, pool);
  const auto cache = type == WeightType::float32 ? CacheType::float32 : CacheType::bf16;
  TokenTransformer transformer(weights, cache, kRows, pool);
  Progress progress(std::string("measure ") + name_of(type),
                    std::min<std::int64_t>(options.images, tokens.images()), options.quiet);
  const double nats = nats_per_token(transformer, tokens, options.images,
                                     [&](std::int64_t done) { progress.update(done); });
  progress.finish();
  return nats;
}

}  // namespace

nlohmann::json quantize_generator(const QuantizeOptions& options) {
  choose_instruction_set();
  if (options.images < 1)
    throw UsageError("--images is " + std::to_string(options.images) + ", expected at least 1");
  const auto type = weight_type_named(options.weights, "--weights");
  const fs::path from = options.generator, out = options.out;
  NewFolder written(out);
  ThreadPool pool(thread_count(options.threads));
  auto config = read_model_config(from, "generator");
  const auto shape = shape_of(config, from);
  const auto file = open_model_weights(from);
  if (packed_type(file))
    throw FileError(file.path(), "is packed already, expected a model folder as training wrote it");
  check_parameters(file, count_parameters(config.recipe.generator, shape));
  std::optional<TokenFile> tokens;
  if (!options.tokens.empty()) {
    tokens = TokenFile::open(options.tokens);
    require_fit(*tokens, shape, tokenizer_hash_of(config, from));
    tokens = matched_classes(*tokens, config.class_names, "the generator's");
  }
  const auto layouts = matrices_of(config.recipe.generator, shape);
  const auto packed = pack_matrices(layouts, type, matrices_in(file, layouts), pool);
  config.extra["quantized"] = {{"weights", name_of(type)}, {"from", model_hash(from)}};
  std::uintmax_t bytes = 0;
  for (const auto& matrix : packed.matrices) bytes += matrix.size();
  check_room(out, bytes);
  write_packed(written.path(), config, file, layouts, packed, type);
  written.finish();
  nlohmann::json json = {{"out", options.out},
                         {"weights", name_of(type)},
                         {"generator", model_hash(from)},
                         {"bytes", fs::file_size(out / "model.safetensors")},
                         {"bytes_before", fs::file_size(file.path())}};
  if (tokens) {
    const double exact = measure(from, WeightType::float32, *tokens, options, pool);
    const double found = measure(out, type, *tokens, options, pool);
    json["nats_per_token"] = {{"float32", exact}, {name_of(type), found}, {"loss", found - exact}};
    json["images"] = std::min<std::int64_t>(options.images, tokens->images());
    json["data"] = tokens->header().data;
  }
  json.update(made_by(options.seed));
  return json;
}

}  // namespace tessera
