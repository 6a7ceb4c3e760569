#include "engine/opened_models.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "base/available_memory.h"
#include "base/error.h"
#include "engine/thread_count.h"
#include "image/image.h"
#include "kernels/instruction_set.h"
#include "models/instruction_set_choice.h"
#include "models/pipeline_folder.h"

namespace tessera {
namespace {

using kernels::CacheType;
using kernels::WeightType;

constexpr std::size_t kDefaultRows = 256;
constexpr std::uint8_t kGrey = 128;

std::optional<WeightType> weight_type(Weights weights) {
  if (weights == Weights::automatic) return std::nullopt;
  return static_cast<WeightType>(static_cast<int>(weights) - 1);
}

CacheType cache_type(Cache cache, WeightType weights) {
  if (cache == Cache::automatic)
    return weights == WeightType::float32 ? CacheType::float32 : CacheType::bf16;
  return static_cast<CacheType>(static_cast<int>(cache) - 1);
}

// `automatic` is as the generator's weights.
ActivationType decoder_type(Precision precision, WeightType weights) {
  if (precision == Precision::automatic)
    return weights == WeightType::float32 ? ActivationType::float32 : ActivationType::bf16;
  return precision == Precision::float32 ? ActivationType::float32 : ActivationType::bf16;
}

// The instruction set is chosen first, since how weights are packed depends on it.
int threads_of(const EngineOptions& options) {
  choose_instruction_set();
  return thread_count(options.threads);
}

ModelFolders folders_of(const EngineOptions& options) {
  if (options.pipeline.empty()) return {options.generator, options.tokenizer};
  if (!options.generator.empty() || !options.tokenizer.empty())
    throw Error("a pipeline holds a generator and a tokenizer, expected no others beside it");
  return open_pipeline_folder(options.pipeline);
}

std::string gigabytes(std::size_t bytes) {
  const auto tenths = std::llround(static_cast<double>(bytes) / 1e8);
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " GB";
}

}  // namespace

OpenedModels::OpenedModels(const EngineOptions& options)
    : pool_(threads_of(options)),
      decoder_pool_(pool_.threads()),
      weights_(GeneratorWeights::open(folders_of(options).generator, weight_type(options.weights),
                                      pool_)),
      cache_(cache_type(options.cache, weights_.type())) {
  const auto& shape = weights_.shape();
  info_.classes = weights_.config().class_names;
  info_.grid_rows = shape.grid_rows;
  info_.grid_columns = shape.grid_columns;
  info_.vocabulary = shape.vocabulary;
  info_.weights = static_cast<Weights>(static_cast<int>(weights_.type()) + 1);
  info_.cache = static_cast<Cache>(static_cast<int>(cache_) + 1);
  info_.threads = pool_.threads();
  info_.instruction_set = kernels::name_of(kernels::instruction_set());
  const auto folders = folders_of(options);
  if (!folders.tokenizer.empty())
    open_decoder(folders.generator, folders.tokenizer, options.weights == Weights::automatic);
  info_.most_rows = most_rows(options.most_rows);
}

void OpenedModels::open_decoder(const fs::path& generator, const fs::path& tokenizer,
                                bool as_recipe) {
  require_same_tokenizer(model_hash(tokenizer), tokenizer_hash_of(weights_.config(), generator),
                         tokenizer / "model.safetensors");
  const auto recipe = read_model_config(tokenizer, "tokenizer").recipe;
  const auto pixels = recipe.tokenizer.downsampling();
  info_.image_width = info_.grid_columns * pixels;
  info_.image_height = info_.grid_rows * pixels;
  const auto type = as_recipe ? decoder_type(recipe.tokenizer_training.precision, weights_.type())
                              : decoder_type(Precision::automatic, weights_.type());
  decoder_ = std::async(std::launch::async, [this, tokenizer, type] {
    return std::make_shared<ImageDecoder>(ImageDecoder::open(tokenizer, {type}, decoder_pool_));
  });
}

// From two threads, so each asks a copy of its own.
ImageDecoder& OpenedModels::decoder() const {
  const auto own = decoder_;
  return *own.get();
}

void OpenedModels::check_decoder() const {
  if (const auto own = decoder_; own.wait_for(std::chrono::seconds(0)) == std::future_status::ready)
    own.get();
}

// As many as asked for, or as fit into half of the memory that is free.
int OpenedModels::most_rows(int asked) const {
  if (asked < 0 || asked == 1)
    throw Error("rows is " + std::to_string(asked) + ", expected 0, or 2 or more");
  if (asked > 0) return asked;
  const std::size_t each = bytes_for(2) - bytes_for(1);
  return static_cast<int>(std::clamp<std::size_t>(available_memory() / 2 / each, 2, kDefaultRows));
}

std::size_t OpenedModels::bytes_for(std::size_t rows) const {
  return rows * TokenTransformer::cache_bytes(weights_, cache_) +
         TokenTransformer::work_bytes(weights_, rows, pool_.threads());
}

MemoryEstimate OpenedModels::estimate(std::size_t rows) const {
  return {.weights = weights_.bytes_held(),
          .caches = rows * TokenTransformer::cache_bytes(weights_, cache_),
          .work = TokenTransformer::work_bytes(weights_, rows, pool_.threads()),
          .decoder = has_decoder() ? decoder().memory(info_.grid_rows, info_.grid_columns) : 0};
}

TokenTransformer& OpenedModels::transformer(std::size_t rows) {
  if (transformer_ && transformer_->rows() == rows) return *transformer_;
  const auto needed = bytes_for(rows), free = available_memory();
  if (needed > free)
    throw Error("drawing " + std::to_string(rows) + " sequences at once takes " +
                gigabytes(needed) + ", expected at most the " + gigabytes(free) +
                " that are free: draw fewer at once");
  transformer_.reset();
  transformer_ = std::make_unique<TokenTransformer>(weights_, cache_, rows, pool_);
  return *transformer_;
}

// What is missing is decoded as token 0 and then covered.
Picture OpenedModels::decode(std::span<const std::int32_t> tokens) {
  std::vector<std::int32_t> all(tokens.begin(), tokens.end());
  all.resize(static_cast<std::size_t>(info_.grid_rows * info_.grid_columns));
  Picture picture{info_.image_width, info_.image_height, {}};
  std::vector<float> pixels(static_cast<std::size_t>(picture.width * picture.height) * 3);
  decoder().decode(all, info_.grid_rows, info_.grid_columns, pixels);
  picture.pixels.resize(pixels.size());
  const auto shown = static_cast<std::ptrdiff_t>(pixels.size() * tokens.size() / all.size());
  std::transform(pixels.begin(), pixels.begin() + shown, picture.pixels.begin(), byte_from_float);
  std::fill(picture.pixels.begin() + shown, picture.pixels.end(), kGrey);
  return picture;
}

void OpenedModels::share_threads(bool share) {
  const int all = pool_.threads(), decoding = std::max(1, all / 2);
  pool_.use(share ? std::max(1, all - decoding) : all);
  decoder_pool_.use(share ? decoding : all);
}

}  // namespace tessera
