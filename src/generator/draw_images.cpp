#include "generator/draw_images.h"

#include <chrono>

#include "base/interrupt.h"
#include "base/progress.h"
#include "generator/sampler.h"
#include "tokenizer/image_tensors.h"

namespace tessera {
namespace {

SampleRequest request_of(const SampleOptions& options, const SamplePlan& plan,
                         const Beginning& beginning) {
  SampleRequest request;
  static_cast<SamplingConfig&>(request) = plan.sampling;
  request.seed = plan.seed;
  request.batch = options.batch;
  request.labels = plan.labels;
  const std::vector<std::int64_t> kept(beginning.tokens.begin(), beginning.tokens.end());
  request.kept = torch::tensor(kept, torch::kInt64);
  return request;
}

std::vector<std::int32_t> numbers(const torch::Tensor& codes) {
  const auto narrow = codes.to(torch::kInt32).contiguous();
  return {narrow.data_ptr<std::int32_t>(), narrow.data_ptr<std::int32_t>() + narrow.numel()};
}

std::vector<Image> decode_images(Pipeline& models, const torch::Tensor& codes, bool quiet) {
  auto& [generator, tokenizer] = models;
  const auto& shape = generator.shape();
  const std::int64_t pixels_per_token = tokenizer.config().recipe.tokenizer.downsampling();
  std::vector<Image> images;
  Progress progress("decode", codes.size(0), quiet);
  for (const auto& part :
       codes.split(Tokenizer::batch_at(codes.size(1) * pixels_per_token * pixels_per_token))) {
    stop_if_interrupted();
    const auto decoded =
        tokenizer.decode(part.to(generator.device()), shape.grid_rows, shape.grid_columns);
    for (auto& image : images_of(decoded.cpu())) images.push_back(std::move(image));
    progress.update(static_cast<std::int64_t>(images.size()));
  }
  progress.finish();
  return images;
}

torch::Tensor sample_codes(Generator& generator, const SampleRequest& request, bool quiet) {
  Progress progress("sample", static_cast<std::int64_t>(request.labels.size()), quiet);
  progress.update(0);
  auto codes = sample_tokens(generator, request, [&](std::int64_t done) { progress.update(done); });
  progress.finish();
  return codes;
}

}  // namespace

nlohmann::json draw_images(const SampleOptions& options, SampleOutputs& outputs, Pipeline& models,
                           const Beginning& beginning) {
  auto& [generator, tokenizer] = models;
  const auto plan = plan_samples(options, generator.config());
  const auto& shape = generator.shape();
  const std::int64_t pixels =
      wants_images(options) ? tokenizer.config().recipe.tokenizer.downsampling() : 0;
  require_room(options, plan, shape.positions(), pixels * shape.grid_columns,
               pixels * shape.grid_rows);
  const auto start = std::chrono::steady_clock::now();
  const auto codes = sample_codes(generator, request_of(options, plan, beginning), options.quiet);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  Samples samples{.codes = numbers(codes), .images = {}, .seconds = seconds.count()};
  if (wants_images(options)) samples.images = decode_images(models, codes, options.quiet);
  auto json = write_samples(options, outputs, plan,
                            {generator.config(), shape, generator.hash(), tokenizer.hash()},
                            samples, beginning);
  json["backend"] = "torch";
  return json;
}

}  // namespace tessera
