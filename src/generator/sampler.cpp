#include "generator/sampler.h"

#include <ATen/Parallel.h>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/random.h"
#include "generator/pick_token.h"
#include "training/device.h"

namespace tessera {
namespace {

// Logits [B, V] float32 on the CPU of one position; `inputs` [B] is doubled for guidance.
torch::Tensor guided_logits(Transformer& model, const torch::Tensor& inputs,
                            const torch::Tensor& unguided, KvCache& cache, double cfg) {
  if (!unguided.defined()) return model->step(inputs, cache).to(torch::kFloat32).cpu();
  const auto both = model->step(torch::cat({inputs, unguided}), cache).to(torch::kFloat32).chunk(2);
  return torch::lerp(both[1], both[0], cfg).cpu();  // uncond + cfg * (cond - uncond)
}

void pick_tokens(const torch::Tensor& logits, const SamplingConfig& sampling,
                 std::vector<Rng>& rngs, torch::Tensor tokens) {
  const auto rows = logits.contiguous();
  const auto vocabulary = rows.size(1);
  at::parallel_for(0, rows.size(0), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row)
      tokens.data_ptr<std::int64_t>()[row] = pick_token(
          {rows.data_ptr<float>() + row * vocabulary, static_cast<std::size_t>(vocabulary)},
          sampling, rngs[static_cast<std::size_t>(row)].uniform());
  });
}

// Images first .. first + count of the request: [count, T].
torch::Tensor sample_batch(Transformer& model, const SampleRequest& request, std::int64_t first,
                           std::int64_t count) {
  const bool guided = request.cfg != 1;
  const auto device = model->parameters().front().device();
  std::vector<Rng> rngs;
  for (std::int64_t image = first; image < first + count; ++image)
    rngs.emplace_back(mix({request.seed, static_cast<std::uint64_t>(image)}));
  auto inputs =
      torch::tensor(torch::ArrayRef(request.labels)
                        .slice(static_cast<std::size_t>(first), static_cast<std::size_t>(count)));
  auto cache = model->make_cache(guided ? 2 * count : count);
  std::vector<torch::Tensor> columns;
  for (int position = 0; position < model->shape().positions(); ++position) {
    stop_if_interrupted();
    torch::Tensor unguided;
    if (guided)
      unguided = position == 0 ? torch::full_like(inputs, model->shape().classes) : inputs;
    const auto logits = guided_logits(model, inputs.to(device),
                                      guided ? unguided.to(device) : unguided, cache, request.cfg);
    inputs = torch::empty({count}, torch::kInt64);
    pick_tokens(logits, request, rngs, inputs);
    columns.push_back(inputs);
  }
  return torch::stack(columns, 1);
}

// Images at a time: as asked, fewer if their keys and values would take more than 4 GB.
std::int64_t batch_size(const Transformer& model, bool bf16, const SampleRequest& request) {
  constexpr std::int64_t kCacheBytes = std::int64_t{4} << 30;
  const std::int64_t rows = request.cfg != 1 ? 2 : 1, values_per_row = 2 * model->config().dim;
  const std::int64_t image_bytes =
      rows * values_per_row * model->config().layers * model->shape().positions() * (bf16 ? 2 : 4);
  return std::clamp<std::int64_t>(kCacheBytes / image_bytes, 1, request.batch);
}

}  // namespace

torch::Tensor sample_tokens(Transformer& model, bool bf16, const SampleRequest& request,
                            const std::function<void(std::int64_t)>& progress) {
  TESSERA_CHECK(request.batch > 0);
  request.validate();
  torch::NoGradGuard no_grad;
  model->eval();
  const Autocast autocast(bf16, model->parameters().front().device());
  const auto images = static_cast<std::int64_t>(request.labels.size());
  const auto batch = batch_size(model, bf16, request);
  std::vector<torch::Tensor> batches = {
      torch::empty({0, model->shape().positions()}, torch::kInt64)};
  for (std::int64_t first = 0; first < images; first += batch) {
    const auto count = std::min(batch, images - first);
    batches.push_back(sample_batch(model, request, first, count));
    if (progress) progress(first + count);
  }
  return torch::cat(batches);
}

torch::Tensor sample_tokens(Generator& generator, const SampleRequest& request,
                            const std::function<void(std::int64_t)>& progress) {
  return sample_tokens(generator.model(), generator.bf16(), request, progress);
}

}  // namespace tessera
