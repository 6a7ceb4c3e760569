#include "tessera/engine.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>

#include "base/error.h"
#include "engine/image_decoder.h"
#include "engine/memory_limit.h"
#include "engine/token_sampler.h"
#include "kernels/instruction_set.h"
#include "models/pipeline_folder.h"
#include "samples/classes.h"

namespace tessera {
namespace {

using kernels::CacheType;
using kernels::WeightType;

constexpr int kMostPreviews = 4;
constexpr std::size_t kDefaultRows = 256;
constexpr std::uint8_t kGrey = 128;  // what a preview does not show yet

std::optional<WeightType> weight_type(Weights weights) {
  if (weights == Weights::automatic) return std::nullopt;
  return static_cast<WeightType>(static_cast<int>(weights) - 1);
}

CacheType cache_type(Cache cache, WeightType weights) {
  if (cache == Cache::automatic)
    return weights == WeightType::float32 ? CacheType::float32 : CacheType::bf16;
  return static_cast<CacheType>(static_cast<int>(cache) - 1);
}

int thread_count(int asked) {
  if (asked < 0) throw Error("threads is " + std::to_string(asked) + ", expected 0 or more");
  return asked > 0 ? asked : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

ModelFolders folders_of(const EngineOptions& options) {
  if (options.pipeline.empty()) return {options.generator, options.tokenizer};
  if (!options.generator.empty() || !options.tokenizer.empty())
    throw Error("a pipeline holds a generator and a tokenizer, expected no others beside it");
  return open_pipeline_folder(options.pipeline);
}

std::string gigabytes(std::size_t bytes) {
  const auto tenths = static_cast<std::size_t>(std::llround(static_cast<double>(bytes) / 1e8));
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " GB";
}

}  // namespace

struct Engine::Impl {
  explicit Impl(const EngineOptions& options);

  TokenRequest token_request(const Request& request) const;
  std::size_t most_rows(int asked) const;
  std::size_t rows_for(std::span<const TokenRequest> requests) const;
  TokenTransformer& transformer_for(std::size_t rows);
  Picture picture(std::span<const std::int32_t> tokens);
  Picture preview(std::span<const std::int32_t> tokens);
  void require_memory(std::size_t rows) const;
  MemoryEstimate estimate(std::size_t rows) const;

  ThreadPool pool;
  GeneratorWeights weights;
  std::optional<ImageDecoder> decoder;
  CacheType cache;
  EngineInfo info;
  std::unique_ptr<TokenTransformer> transformer;  // made when the first request says how wide
  std::atomic<bool> cancelled = false;
};

/// Tells a caller what happens to its images while the sampler draws them.
class DrawingObserver {
 public:
  DrawingObserver(Engine::Impl& engine, std::span<const Request> requests,
                  const Callbacks& callbacks)
      : engine_(engine), requests_(requests), callbacks_(callbacks), drawn_(requests.size()) {}

  void token(std::size_t image, std::span<const std::int32_t> tokens) {
    const auto columns = static_cast<std::size_t>(engine_.info.grid_columns);
    if (tokens.size() % columns != 0) return;
    if (callbacks_.row) callbacks_.row(image, tokens);
    if (callbacks_.preview && is_preview(requests_[image].previews, tokens.size() / columns))
      callbacks_.preview(image, engine_.preview(tokens));
  }
  void image(std::size_t image, std::vector<std::int32_t> tokens) {
    auto& drawn = drawn_[image];
    drawn.tokens = std::move(tokens);
    if (engine_.decoder) drawn.picture = engine_.picture(drawn.tokens);
    if (callbacks_.image) callbacks_.image(image, drawn);
  }
  std::vector<Drawn> take() { return std::move(drawn_); }

 private:
  // Evenly over the rows, the complete image not among them.
  bool is_preview(int previews, std::size_t row) const {
    const auto rows = static_cast<std::size_t>(engine_.info.grid_rows);
    const auto parts = static_cast<std::size_t>(previews) + 1;
    return row < rows && row * parts / rows != (row - 1) * parts / rows;
  }

  Engine::Impl& engine_;
  std::span<const Request> requests_;
  const Callbacks& callbacks_;
  std::vector<Drawn> drawn_;
};

Engine::Impl::Impl(const EngineOptions& options)
    : pool(thread_count(options.threads)),
      weights(GeneratorWeights::open(folders_of(options).generator, weight_type(options.weights),
                                     pool)),
      cache(cache_type(options.cache, weights.type())) {
  const auto folders = folders_of(options);
  const auto& shape = weights.shape();
  info = {.classes = weights.config().class_names,
          .grid_rows = shape.grid_rows,
          .grid_columns = shape.grid_columns,
          .vocabulary = shape.vocabulary,
          .weights = static_cast<Weights>(static_cast<int>(weights.type()) + 1),
          .cache = static_cast<Cache>(static_cast<int>(cache) + 1),
          .threads = pool.threads(),
          .instruction_set = kernels::instruction_set_name()};
  if (!folders.tokenizer.empty()) {
    require_same_tokenizer(model_hash(folders.tokenizer),
                           tokenizer_hash_of(weights.config(), folders.generator),
                           folders.tokenizer / "model.safetensors");
    decoder = ImageDecoder::open(
        folders.tokenizer,
        {weights.type() == WeightType::float32 ? ActivationType::float32 : ActivationType::bf16},
        pool);
    info.image_width = shape.grid_columns * decoder->pixels_per_token();
    info.image_height = shape.grid_rows * decoder->pixels_per_token();
  }
  info.most_rows = static_cast<int>(most_rows(options.most_rows));
}

// As many as asked for, or as fit into half of the memory that is left.
std::size_t Engine::Impl::most_rows(int asked) const {
  if (asked < 0 || asked == 1)
    throw Error("rows is " + std::to_string(asked) + ", expected 0, or 2 or more");
  if (asked > 0) return static_cast<std::size_t>(asked);
  const auto one = estimate(1), two = estimate(2);
  const std::size_t each = two.caches + two.work - one.caches - one.work;
  return std::clamp<std::size_t>(available_memory() / 2 / each, 2, kDefaultRows);
}

MemoryEstimate Engine::Impl::estimate(std::size_t rows) const {
  MemoryEstimate estimate;
  estimate.weights = weights.bytes_per_step();
  estimate.caches = rows * TokenTransformer::cache_bytes(weights, cache);
  estimate.work = TokenTransformer::work_bytes(weights, rows, pool.threads());
  if (decoder) {
    const auto& shape = weights.shape();
    estimate.weights += decoder->weight_bytes();
    estimate.work += decoder->memory(shape.grid_rows, shape.grid_columns) - decoder->weight_bytes();
  }
  return estimate;
}

void Engine::Impl::require_memory(std::size_t rows) const {
  const auto needed = estimate(rows), available = available_memory();
  if (needed.caches + needed.work > available)
    throw Error("drawing " + std::to_string(rows) + " sequences at once takes " +
                gigabytes(needed.caches + needed.work) + ", expected at most the " +
                gigabytes(available) + " that are free: draw fewer at once");
}

TokenRequest Engine::Impl::token_request(const Request& request) const {
  if (request.previews < 0 || request.previews > kMostPreviews)
    throw Error("previews is " + std::to_string(request.previews) + ", expected 0 to " +
                std::to_string(kMostPreviews));
  const auto& shape = weights.shape();
  if (request.label < Request::kNoClass || request.label >= shape.classes)
    throw Error("class is " + std::to_string(request.label) + ", expected 0 to " +
                std::to_string(shape.classes - 1) + ", or -1 for none");
  TokenRequest tokens{.label = request.label == Request::kNoClass ? shape.classes : request.label,
                      .seed = request.seed,
                      .sampling = weights.config().recipe.sampling,
                      .kept = request.kept};
  auto& sampling = tokens.sampling;
  sampling.cfg = request.cfg.value_or(sampling.cfg);
  sampling.cfg_schedule = request.cfg_schedule.value_or(sampling.cfg_schedule);
  sampling.temperature = request.temperature.value_or(sampling.temperature);
  sampling.top_k = request.top_k.value_or(sampling.top_k);
  sampling.top_p = request.top_p.value_or(sampling.top_p);
  return tokens;
}

std::size_t Engine::Impl::rows_for(std::span<const TokenRequest> requests) const {
  std::size_t rows = 0;
  for (const auto& request : requests) rows += request.sampling.cfg != 1 ? 2 : 1;
  return std::clamp<std::size_t>(rows, 2, static_cast<std::size_t>(info.most_rows));
}

// Kept from one call to the next, since most have the same width.
TokenTransformer& Engine::Impl::transformer_for(std::size_t rows) {
  if (!transformer || transformer->rows() != rows) {
    require_memory(rows);
    transformer = std::make_unique<TokenTransformer>(weights, cache, rows, pool);
  }
  return *transformer;
}

Picture Engine::Impl::picture(std::span<const std::int32_t> tokens) {
  const auto& shape = weights.shape();
  std::vector<float> pixels(static_cast<std::size_t>(info.image_width * info.image_height) * 3);
  decoder->decode(tokens, shape.grid_rows, shape.grid_columns, pixels);
  Picture picture{info.image_width, info.image_height, {}};
  picture.pixels.resize(pixels.size());
  std::transform(pixels.begin(), pixels.end(), picture.pixels.begin(), byte_from_float);
  return picture;
}

// The rows that are drawn, as they are decoded with token 0 below them; grey there.
Picture Engine::Impl::preview(std::span<const std::int32_t> tokens) {
  std::vector<std::int32_t> all(tokens.begin(), tokens.end());
  all.resize(static_cast<std::size_t>(info.grid_rows * info.grid_columns));
  auto shown = picture(all);
  const auto bytes = shown.pixels.size() * tokens.size() / all.size();
  std::fill(shown.pixels.begin() + static_cast<std::ptrdiff_t>(bytes), shown.pixels.end(), kGrey);
  return shown;
}

Engine::Engine(const EngineOptions& options) : impl_(std::make_unique<Impl>(options)) {}
Engine::~Engine() = default;
Engine::Engine(Engine&&) noexcept = default;
Engine& Engine::operator=(Engine&&) noexcept = default;

const EngineInfo& Engine::info() const { return impl_->info; }

int Engine::find_class(const std::string& text) const {
  return static_cast<int>(parse_class(text, impl_->info.classes));
}

MemoryEstimate Engine::estimate(std::size_t images, bool guided) const {
  const auto most = static_cast<std::size_t>(impl_->info.most_rows);
  return impl_->estimate(std::clamp<std::size_t>(images * (guided ? 2 : 1), 2, most));
}

std::vector<Drawn> Engine::draw(std::span<const Request> requests, const Callbacks& callbacks) {
  impl_->cancelled = false;
  std::vector<TokenRequest> tokens;
  for (const auto& request : requests) tokens.push_back(impl_->token_request(request));
  DrawingObserver observer(*impl_, requests, callbacks);
  TokenSampler sampler(
      impl_->transformer_for(impl_->rows_for(tokens)),
      {.token = [&](std::size_t id, auto drawn) { observer.token(id, drawn); },
       .image = [&](std::size_t id, auto drawn) { observer.image(id, std::move(drawn)); }});
  for (std::size_t id = 0; id < tokens.size(); ++id) sampler.add(id, std::move(tokens[id]));
  while (sampler.step() > 0)
    if (impl_->cancelled) throw Cancelled();
  return observer.take();
}

void Engine::cancel() { impl_->cancelled = true; }

Picture Engine::decode(std::span<const std::int32_t> tokens) {
  const auto& shape = impl_->weights.shape();
  if (!impl_->decoder) throw Error("the engine was opened without a tokenizer, expected one");
  if (tokens.size() != static_cast<std::size_t>(shape.positions()))
    throw Error("an image has " + std::to_string(shape.positions()) + " tokens, found " +
                std::to_string(tokens.size()));
  return impl_->picture(tokens);
}

}  // namespace tessera
