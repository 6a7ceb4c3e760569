#include "generator/sampler.h"

#include <ATen/Parallel.h>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/random.h"
#include "models/pick_token.h"
#include "recipe/guidance.h"
#include "training/device.h"

namespace tessera {
namespace {

/// The scale at every position, and how long the rows of the null class are needed.
struct Guidance {
  std::vector<double> scales;
  int guided = 0;  // no position from here on is
};

Guidance guidance_of(const SampleRequest& request, int positions) {
  const auto schedule = parse_guidance_schedule(request.cfg_schedule, "sampling.cfg_schedule");
  Guidance guidance;
  for (int position = 0; position < positions; ++position) {
    guidance.scales.push_back(schedule.scale(request.cfg, position, positions));
    if (guidance.scales.back() != 1) guidance.guided = position + 1;
  }
  return guidance;
}

/// Steps the images of a batch from token to token, each beside its unguided twin (the null class
/// followed by the same tokens) as long as one is needed.
class Stepper {
 public:
  Stepper(Transformer& model, const Guidance& guidance, const torch::Tensor& classes)
      : model_(model),
        guidance_(guidance),
        images_(classes.size(0)),
        cache_(model->make_cache(guidance.guided > 0 ? 2 * images_ : images_)),
        inputs_(classes),
        twins_(torch::full_like(classes, model->shape().classes)) {}

  // Logits [B, V] float32 of the next position, guided as the schedule says.
  torch::Tensor logits() {
    const int position = cache_.length();
    if (position >= guidance_.guided && cache_.rows() > images_) cache_.keep_rows(images_);
    const bool twins = cache_.rows() > images_;
    const auto rows = model_->step(twins ? torch::cat({inputs_, twins_}) : inputs_, cache_);
    if (!twins) return rows.to(torch::kFloat32);
    const auto both = rows.to(torch::kFloat32).chunk(2);
    const double scale = guidance_.scales[static_cast<std::size_t>(position)];
    return scale == 1 ? both[0] : torch::lerp(both[1], both[0], scale);
  }
  void follow(const torch::Tensor& tokens) { inputs_ = twins_ = tokens; }

 private:
  Transformer& model_;
  const Guidance& guidance_;
  std::int64_t images_;
  KvCache cache_;
  torch::Tensor inputs_, twins_;  // [B]
};

std::int64_t kept_tokens(const SampleRequest& request) {
  return request.kept.defined() ? request.kept.size(0) : 0;
}

void pick_tokens(const torch::Tensor& logits, const SamplingConfig& sampling,
                 std::vector<Rng>& rngs, torch::Tensor tokens) {
  const auto rows = logits.contiguous();
  const auto vocabulary = rows.size(1);
  at::parallel_for(0, rows.size(0), 1, [&](std::int64_t begin, std::int64_t end) {
    TokenPicker picker;
    for (std::int64_t row = begin; row < end; ++row)
      tokens.data_ptr<std::int64_t>()[row] = picker.pick(
          {rows.data_ptr<float>() + row * vocabulary, static_cast<std::size_t>(vocabulary)},
          sampling, rngs[static_cast<std::size_t>(row)].uniform());
  });
}

// Images first .. first + count of the request: [count, T].
torch::Tensor sample_batch(Transformer& model, const SampleRequest& request,
                           const Guidance& guidance, std::int64_t first, std::int64_t count) {
  const auto device = model->parameters().front().device();
  std::vector<Rng> rngs;
  for (std::int64_t image = first; image < first + count; ++image)
    rngs.emplace_back(mix({request.seed, static_cast<std::uint64_t>(image)}));
  const auto classes =
      torch::tensor(torch::ArrayRef(request.labels)
                        .slice(static_cast<std::size_t>(first), static_cast<std::size_t>(count)));
  Stepper stepper(model, guidance, classes.to(device));
  std::vector<torch::Tensor> columns;
  for (int position = 0; position < model->shape().positions(); ++position) {
    stop_if_interrupted();
    const auto logits = stepper.logits();
    auto tokens = torch::empty({count}, torch::kInt64);
    if (position < kept_tokens(request))
      tokens.fill_(request.kept[position]);
    else
      pick_tokens(logits.cpu(), request, rngs, tokens);
    stepper.follow(tokens.to(device));
    columns.push_back(tokens);
  }
  return torch::stack(columns, 1);
}

// Images at a time: as asked, fewer if their keys and values would take more than 4 GB.
std::int64_t batch_size(const Transformer& model, bool bf16, const SampleRequest& request,
                        const Guidance& guidance) {
  constexpr std::int64_t kCacheBytes = std::int64_t{4} << 30;
  const std::int64_t rows = guidance.guided > 0 ? 2 : 1, values_per_row = 2 * model->config().dim;
  const std::int64_t image_bytes =
      rows * values_per_row * model->config().layers * model->shape().positions() * (bf16 ? 2 : 4);
  return std::clamp<std::int64_t>(kCacheBytes / image_bytes, 1, request.batch);
}

}  // namespace

torch::Tensor sample_tokens(Transformer& model, bool bf16, const SampleRequest& request,
                            const std::function<void(std::int64_t)>& progress) {
  TESSERA_CHECK(request.batch > 0 && kept_tokens(request) < model->shape().positions());
  request.validate();
  torch::NoGradGuard no_grad;
  model->eval();
  const Autocast autocast(bf16, model->parameters().front().device());
  const auto images = static_cast<std::int64_t>(request.labels.size());
  const auto guidance = guidance_of(request, model->shape().positions());
  const auto batch = batch_size(model, bf16, request, guidance);
  std::vector<torch::Tensor> batches = {
      torch::empty({0, model->shape().positions()}, torch::kInt64)};
  for (std::int64_t first = 0; first < images; first += batch) {
    const auto count = std::min(batch, images - first);
    batches.push_back(sample_batch(model, request, guidance, first, count));
    if (progress) progress(first + count);
  }
  return torch::cat(batches);
}

torch::Tensor sample_tokens(Generator& generator, const SampleRequest& request,
                            const std::function<void(std::int64_t)>& progress) {
  return sample_tokens(generator.model(), generator.bf16(), request, progress);
}

}  // namespace tessera
