#include "engine/opened_models.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "engine/instruction_set_choice.h"
#include "engine/memory_limit.h"
#include "engine/thread_count.h"
#include "image/image.h"
#include "kernels/instruction_set.h"
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
  if (!folders.tokenizer.empty()) open_decoder(folders.generator, folders.tokenizer);
  info_.most_rows = most_rows(options.most_rows);
}

void OpenedModels::open_decoder(const std::string& generator, const std::string& tokenizer) {
  require_same_tokenizer(model_hash(tokenizer), tokenizer_hash_of(weights_.config(), generator),
                         fs::path(tokenizer) / "model.safetensors");
  const auto precision =
      weights_.type() == WeightType::float32 ? ActivationType::float32 : ActivationType::bf16;
  decoder_.emplace(ImageDecoder::open(tokenizer, {precision}, pool_));
  info_.image_width = info_.grid_columns * decoder_->pixels_per_token();
  info_.image_height = info_.grid_rows * decoder_->pixels_per_token();
}

// As many as asked for, or as fit into half of the memory that is free.
int OpenedModels::most_rows(int asked) const {
  if (asked < 0 || asked == 1)
    throw Error("rows is " + std::to_string(asked) + ", expected 0, or 2 or more");
  if (asked > 0) return asked;
  const auto one = estimate(1), two = estimate(2);
  const std::size_t each = two.total() - one.total();
  return static_cast<int>(std::clamp<std::size_t>(available_memory() / 2 / each, 2, kDefaultRows));
}

MemoryEstimate OpenedModels::estimate(std::size_t rows) const {
  MemoryEstimate estimate{.weights = weights_.bytes_per_step(),
                          .caches = rows * TokenTransformer::cache_bytes(weights_, cache_),
                          .work = TokenTransformer::work_bytes(weights_, rows, pool_.threads())};
  if (decoder_) estimate.decoder = decoder_->memory(info_.grid_rows, info_.grid_columns);
  return estimate;
}

TokenTransformer& OpenedModels::transformer(std::size_t rows) {
  if (transformer_ && transformer_->rows() == rows) return *transformer_;
  const auto needed = estimate(rows).caches + estimate(rows).work, free = available_memory();
  if (needed > free)
    throw Error("drawing " + std::to_string(rows) + " sequences at once takes " +
                gigabytes(needed) + ", expected at most the " + gigabytes(free) +
                " that are free: draw fewer at once");
  transformer_.reset();
  transformer_ = std::make_unique<TokenTransformer>(weights_, cache_, rows, pool_);
  return *transformer_;
}

Picture OpenedModels::decode(std::span<const std::int32_t> tokens) {
  Picture picture{info_.image_width, info_.image_height, {}};
  std::vector<float> pixels(static_cast<std::size_t>(picture.width * picture.height) * 3);
  decoder_->decode(tokens, info_.grid_rows, info_.grid_columns, pixels);
  picture.pixels.resize(pixels.size());
  std::transform(pixels.begin(), pixels.end(), picture.pixels.begin(), byte_from_float);
  return picture;
}

// What is missing is decoded as token 0 and then covered.
Picture OpenedModels::decode_beginning(std::span<const std::int32_t> tokens) {
  std::vector<std::int32_t> all(tokens.begin(), tokens.end());
  all.resize(static_cast<std::size_t>(info_.grid_rows * info_.grid_columns));
  auto picture = decode(all);
  const auto shown = picture.pixels.size() * tokens.size() / all.size();
  std::fill(picture.pixels.begin() + static_cast<std::ptrdiff_t>(shown), picture.pixels.end(),
            kGrey);
  return picture;
}

}  // namespace tessera
