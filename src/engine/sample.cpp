#include "engine/sample.h"

#include <chrono>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/progress.h"
#include "models/generator_folder.h"
#include "models/pipeline_folder.h"
#include "tessera/engine.h"

namespace tessera {
namespace {

constexpr std::array<const char*, 5> kWeights = {"auto", "float32", "bf16", "int8", "int4"};
constexpr std::array<const char*, 4> kCaches = {"auto", "float32", "bf16", "int8"};

// The place of a name in a list that an enum follows.
template <typename Enum, std::size_t Count>
Enum named(const std::array<const char*, Count>& names, const std::string& name,
           const char* option) {
  std::string expected;
  for (std::size_t place = 0; place < Count; ++place) {
    if (name == names[place]) return static_cast<Enum>(place);
    expected += (place ? ", " : "") + std::string(names[place]);
  }
  throw UsageError(std::string(option) + " is '" + name + "', expected one of " + expected);
}

EngineOptions engine_options(const SampleOptions& options) {
  return {.generator = options.generator,
          // Tokens alone need no decoder, but the tokenizer must fit (see source_of).
          .tokenizer = options.tokenizer,
          .pipeline = options.pipeline,
          .weights = named<Weights>(kWeights, options.weights, "--weights"),
          .cache = named<Cache>(kCaches, options.cache, "--cache"),
          .threads = options.threads,
          .most_rows = 2 * options.batch};
}

std::vector<Request> requests_of(const SamplePlan& plan, const Beginning& beginning) {
  std::vector<Request> requests;
  for (std::size_t image = 0; image < plan.labels.size(); ++image)
    requests.push_back({.label = static_cast<int>(plan.labels[image]),
                        .seed = plan.image_seed(image),
                        .cfg = plan.sampling.cfg,
                        .temperature = plan.sampling.temperature,
                        .top_p = plan.sampling.top_p,
                        .top_k = plan.sampling.top_k,
                        .cfg_schedule = plan.sampling.cfg_schedule,
                        .kept = beginning.tokens});
  return requests;
}

Samples draw(Engine& engine, const std::vector<Request>& requests, bool quiet) {
  Progress progress("sample", static_cast<std::int64_t>(requests.size()), quiet);
  progress.update(0);
  std::int64_t done = 0;
  const auto start = std::chrono::steady_clock::now();
  auto drawn = engine.draw(requests, {.row = [](auto, auto) { stop_if_interrupted(); },
                                      .preview = {},
                                      .image =
                                          [&](auto, const auto&) {
                                            stop_if_interrupted();
                                            progress.update(++done);
                                          }});
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  progress.finish();
  Samples samples{.codes = {}, .images = {}, .seconds = seconds.count()};
  for (auto& image : drawn) {
    samples.codes.insert(samples.codes.end(), image.tokens.begin(), image.tokens.end());
    if (image.picture.width > 0)
      samples.images.push_back(
          {image.picture.width, image.picture.height, std::move(image.picture.pixels)});
  }
  return samples;
}

}  // namespace

nlohmann::json sample_with_engine(const SampleOptions& options, const Beginning& beginning) {
  check_options(options);
  SampleOutputs outputs(options);
  const auto folders = options.pipeline.empty() ? ModelFolders{options.generator, options.tokenizer}
                                                : open_pipeline_folder(options.pipeline);
  const auto config = read_model_config(folders.generator, "generator");
  const auto plan = plan_samples(options, config);
  const auto shape = shape_of(config, folders.generator);
  const int pixels =
      wants_images(options)
          ? read_model_config(folders.tokenizer, "tokenizer").recipe.tokenizer.downsampling()
          : 0;
  require_room(options, plan, shape.positions(), std::int64_t{pixels} * shape.grid_columns,
               std::int64_t{pixels} * shape.grid_rows);
  Engine engine(engine_options(options));
  const auto samples = draw(engine, requests_of(plan, beginning), options.quiet);
  auto json =
      write_samples(options, outputs, plan,
                    {config, shape, model_hash(folders.generator), model_hash(folders.tokenizer)},
                    samples, beginning);
  json["backend"] = "engine";
  json["weights"] = kWeights[static_cast<std::size_t>(engine.info().weights)];
  json["cache"] = kCaches[static_cast<std::size_t>(engine.info().cache)];
  json["instruction_set"] = engine.info().instruction_set;
  return json;
}

}  // namespace tessera
