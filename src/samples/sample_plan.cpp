#include "samples/sample_plan.h"

#include <algorithm>

#include "base/available_memory.h"
#include "base/error.h"
#include "base/output.h"
#include "base/random.h"
#include "recipe/guidance.h"
#include "samples/classes.h"

namespace tessera {
namespace {

// Training images of each of `classes`.
std::vector<double> training_images(const std::vector<std::int64_t>& classes,
                                    const ModelConfig& generator) {
  const auto counts = generator.extra.value("class_counts", nlohmann::json());
  if (!counts.is_array() || counts.size() != generator.class_names.size())
    throw UsageError(
        "--total: the generator's config.json does not say how many training images each class "
        "had (extra.class_counts), expected --count");
  std::vector<double> images;
  for (const auto label : classes) {
    const auto& count = counts[static_cast<std::size_t>(label)];
    if (!count.is_number_integer() || count.get<double>() < 0)
      throw UsageError("--total: the generator's extra.class_counts holds " + count.dump() +
                       ", expected whole numbers");
    images.push_back(count.get<double>());
  }
  return images;
}

// "--count is 5" or "--total is 5": how many images, as the user said it.
std::string asked_for(const SampleOptions& options) {
  return options.total > 0 ? "--total is " + std::to_string(options.total)
                           : "--count is " + std::to_string(options.count);
}

}  // namespace

void check_options(const SampleOptions& options) {
  if (options.count < 1)
    throw UsageError("--count is " + std::to_string(options.count) + ", expected at least 1");
  if (options.total < 0)
    throw UsageError("--total is " + std::to_string(options.total) + ", expected at least 1");
  if (options.out.empty() && options.out_dir.empty() && options.tokens_out.empty())
    throw UsageError("nothing to write: expected --out, --out-dir or --tokens-out");
  if (!options.out_dir.empty()) NewFolder::check(options.out_dir);
  const bool folders = !options.generator.empty() || !options.tokenizer.empty();
  if (options.pipeline.empty() && (options.generator.empty() || options.tokenizer.empty()))
    throw UsageError("expected --generator DIR and --tokenizer DIR, or --pipeline DIR");
  if (!options.pipeline.empty() && folders)
    throw UsageError("--pipeline holds a generator and a tokenizer, expected no others beside it");
}

std::uint64_t SamplePlan::image_seed(std::size_t image) const { return mix({seed, image}); }

void require_room(const SampleOptions& options, const SamplePlan& plan, std::int64_t tokens,
                  std::int64_t width, std::int64_t height) {
  const auto images = static_cast<std::int64_t>(plan.labels.size());
  const auto where = asked_for(options) + ": what is drawn, " + std::to_string(images) + " images,";
  const std::int64_t columns =
      std::min(options.total > 0 ? options.total : options.count, kWidestGrid);
  if (!options.out.empty() && images / columns * height > kMostPngSide)
    throw UsageError(where + " is a picture higher than the " + std::to_string(kMostPngSide) +
                     " pixels of a PNG file, expected fewer or --out-dir");
  const double copies = options.out.empty() ? 1 : 2;  // the images, and the grid of them
  require_memory(static_cast<double>(images) *
                     (4.0 * static_cast<double>(tokens) +
                      copies * 3 * static_cast<double>(width) * static_cast<double>(height)),
                 where);
}

SamplePlan plan_samples(const SampleOptions& options, const ModelConfig& generator) {
  SamplePlan plan{.sampling = generator.recipe.sampling, .labels = {}, .seed = options.seed};
  auto& sampling = plan.sampling;
  sampling.cfg = options.cfg.value_or(sampling.cfg);
  if (!options.cfg_schedule.empty()) {
    parse_guidance_schedule(options.cfg_schedule, "--cfg-schedule");
    sampling.cfg_schedule = options.cfg_schedule;
  }
  sampling.temperature = options.temperature.value_or(sampling.temperature);
  sampling.top_k = options.top_k.value_or(sampling.top_k);
  sampling.top_p = options.top_p.value_or(sampling.top_p);
  sampling.validate();
  const auto classes = parse_classes(options.classes, generator.class_names);
  // Whatever else an image takes, each has a label and a request.
  constexpr double kBytesOfRequest = 64;
  require_memory(kBytesOfRequest * (options.total > 0 ? options.total
                                                      : static_cast<double>(options.count) *
                                                            static_cast<double>(classes.size())),
                 asked_for(options) + ": what is to be drawn");
  if (options.total > 0) {
    auto places = labels_in_proportion(options.total, training_images(classes, generator));
    std::sort(places.begin(), places.end());  // one class after the other
    for (const auto place : places) plan.labels.push_back(classes[static_cast<std::size_t>(place)]);
  } else {
    for (const auto label : classes)
      plan.labels.insert(plan.labels.end(), static_cast<std::size_t>(options.count), label);
  }
  return plan;
}

}  // namespace tessera
