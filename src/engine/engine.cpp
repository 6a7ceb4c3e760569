#include "tessera/engine.h"

#include <algorithm>
#include <atomic>

#include "base/error.h"
#include "engine/background_decoder.h"
#include "engine/opened_models.h"
#include "engine/token_sampler.h"
#include "samples/classes.h"

namespace tessera {
namespace {

constexpr int kMostPreviews = 4;

TokenRequest token_request(const Request& request, const GeneratorWeights& weights) {
  const auto& shape = weights.shape();
  if (request.previews < 0 || request.previews > kMostPreviews)
    throw Error("previews is " + std::to_string(request.previews) + ", expected 0 to " +
                std::to_string(kMostPreviews));
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

// Rows that these would take together, as far as there are so many.
std::size_t rows_for(std::span<const TokenRequest> requests, int most) {
  std::size_t rows = 0;
  for (const auto& request : requests) rows += request.sampling.cfg != 1 ? 2 : 1;
  return std::clamp<std::size_t>(rows, 2, static_cast<std::size_t>(most));
}

/// One call of draw(): tells the caller what happens to its images while the sampler draws their
/// tokens and, in the background, others are decoded.
class Drawing {
 public:
  Drawing(OpenedModels& models, std::span<const Request> requests, const Callbacks& callbacks)
      : models_(models), requests_(requests), callbacks_(callbacks), drawn_(requests.size()) {
    if (models.has_decoder())
      decoder_.emplace([&](std::span<const std::int32_t> tokens) { return models.decode(tokens); });
  }
  ~Drawing() { models_.share_threads(false); }

  TokenSampler::Observer observer() {
    return {.token = [this](std::size_t image, auto tokens) { token(image, tokens); },
            .image = [this](std::size_t image, auto tokens) { finish(image, std::move(tokens)); }};
  }
  /// Tells of what was decoded meanwhile. `drawing`: whether tokens are still being drawn.
  void hear(bool drawing) {
    if (!decoder_) return;
    models_.check_decoder();
    for (auto& job : decoder_->take_done()) hear_of(std::move(job));
    models_.share_threads(drawing && decoder_->busy());
  }
  /// Whether something is left to decode; waits for some of it.
  bool decode_on() {
    if (!decoder_ || !decoder_->busy()) return false;
    decoder_->wait();
    return true;
  }
  std::vector<Drawn> take() { return std::move(drawn_); }

 private:
  std::size_t rows_of(std::size_t tokens) const {
    return tokens / static_cast<std::size_t>(models_.info().grid_columns);
  }
  void token(std::size_t image, std::span<const std::int32_t> tokens) {
    if (tokens.size() % static_cast<std::size_t>(models_.info().grid_columns) != 0) return;
    if (callbacks_.row) callbacks_.row(image, tokens);
    if (callbacks_.preview && decoder_ &&
        is_preview(requests_[image].previews, rows_of(tokens.size())))
      decoder_->add(image, {tokens.begin(), tokens.end()});
  }
  void finish(std::size_t image, std::vector<std::int32_t> tokens) {
    drawn_[image].tokens = std::move(tokens);
    if (decoder_) return decoder_->add(image, drawn_[image].tokens);
    if (callbacks_.image) callbacks_.image(image, drawn_[image]);
  }
  void hear_of(BackgroundDecoder::Job job) {
    auto& drawn = drawn_[job.image];
    if (rows_of(job.tokens.size()) < static_cast<std::size_t>(models_.info().grid_rows)) {
      if (callbacks_.preview) callbacks_.preview(job.image, job.picture);
      return;
    }
    drawn.picture = std::move(job.picture);
    if (callbacks_.image) callbacks_.image(job.image, drawn);
  }
  // Evenly over the rows; the complete image is not among them.
  bool is_preview(int previews, std::size_t row) const {
    const auto rows = static_cast<std::size_t>(models_.info().grid_rows);
    const auto parts = static_cast<std::size_t>(previews) + 1;
    return row < rows && row * parts / rows != (row - 1) * parts / rows;
  }

  OpenedModels& models_;
  std::span<const Request> requests_;
  const Callbacks& callbacks_;
  std::vector<Drawn> drawn_;
  std::optional<BackgroundDecoder> decoder_;
};

}  // namespace

struct Engine::Impl {
  explicit Impl(const EngineOptions& options) : models(options) {}
  OpenedModels models;
  std::atomic<bool> cancelled = false;
};

Engine::Engine(const EngineOptions& options) : impl_(std::make_unique<Impl>(options)) {}
Engine::~Engine() = default;
Engine::Engine(Engine&&) noexcept = default;
Engine& Engine::operator=(Engine&&) noexcept = default;

const EngineInfo& Engine::info() const { return impl_->models.info(); }

int Engine::find_class(const std::string& text) const {
  return static_cast<int>(parse_class(text, info().classes));
}

MemoryEstimate Engine::estimate(std::size_t images, bool guided) const {
  const auto rows = images * (guided ? 2 : 1), most = static_cast<std::size_t>(info().most_rows);
  return impl_->models.estimate(std::clamp<std::size_t>(rows, 2, most));
}

std::vector<Drawn> Engine::draw(std::span<const Request> requests, const Callbacks& callbacks) {
  impl_->cancelled = false;
  auto& models = impl_->models;
  std::vector<TokenRequest> tokens;
  for (const auto& request : requests) tokens.push_back(token_request(request, models.weights()));
  Drawing drawing(models, requests, callbacks);
  TokenSampler sampler(models.transformer(rows_for(tokens, info().most_rows)), drawing.observer());
  for (std::size_t id = 0; id < tokens.size(); ++id) sampler.add(id, std::move(tokens[id]));
  const auto stop_if_cancelled = [&] {
    if (impl_->cancelled) throw Cancelled();
  };
  for (bool left = !requests.empty(); left; stop_if_cancelled()) {
    left = sampler.step() > 0;
    drawing.hear(left);
  }
  for (bool left = true; left; drawing.hear(false)) {
    stop_if_cancelled();
    left = drawing.decode_on();
  }
  return drawing.take();
}

void Engine::cancel() { impl_->cancelled = true; }

Picture Engine::decode(std::span<const std::int32_t> tokens) {
  const auto positions = static_cast<std::size_t>(impl_->models.weights().shape().positions());
  if (!impl_->models.has_decoder())
    throw Error("the engine was opened without a tokenizer, expected one");
  if (tokens.size() != positions)
    throw Error("an image has " + std::to_string(positions) + " tokens, found " +
                std::to_string(tokens.size()));
  return impl_->models.decode(tokens);
}

}  // namespace tessera
