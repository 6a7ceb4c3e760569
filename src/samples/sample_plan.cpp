#include "samples/sample_plan.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "base/random.h"
#include "image/image_folder.h"
#include "recipe/guidance.h"
#include "samples/classes.h"

namespace tessera {
namespace {

// Training images of each of `classes`.
std::vector<double> training_images(const std::vector<std::int64_t>& classes,
                                    const ModelConfig& generator) {
  const auto counts = generator.extra.value("class_counts", nlohmann::json());
  if (!counts.is_array() || counts.size() != generator.class_names.size())
    throw Error(
        "--total: the generator's config.json does not say how many training images each class "
        "had (extra.class_counts), expected --count");
  std::vector<double> images;
  for (const auto label : classes) {
    const auto& count = counts[static_cast<std::size_t>(label)];
    if (!count.is_number_integer() || count.get<double>() < 0)
      throw Error("--total: the generator's extra.class_counts holds " + count.dump() +
                  ", expected whole numbers");
    images.push_back(count.get<double>());
  }
  return images;
}

// `total` in parts that are in proportion to `sizes`: what rounding down leaves goes to the largest
// remainders.
std::vector<std::int64_t> proportional_parts(std::int64_t total, const std::vector<double>& sizes) {
  const double sum = std::accumulate(sizes.begin(), sizes.end(), 0.0);
  if (!(sum > 0)) throw Error("--total: no training image is of the classes asked for");
  std::vector<std::int64_t> parts;
  std::vector<double> remainders;
  for (const double size : sizes) {
    const double exact = static_cast<double>(total) * size / sum;
    parts.push_back(static_cast<std::int64_t>(exact));
    remainders.push_back(exact - static_cast<double>(parts.back()));
  }
  std::vector<std::size_t> order(sizes.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return remainders[a] > remainders[b]; });
  const auto left = total - std::accumulate(parts.begin(), parts.end(), std::int64_t{0});
  for (std::int64_t i = 0; i < left; ++i) ++parts[order[static_cast<std::size_t>(i)]];
  return parts;
}

}  // namespace

void check_options(const SampleOptions& options) {
  if (options.count < 1)
    throw Error("--count is " + std::to_string(options.count) + ", expected at least 1");
  if (options.total < 0)
    throw Error("--total is " + std::to_string(options.total) + ", expected at least 1");
  if (options.out.empty() && options.out_dir.empty() && options.tokens_out.empty())
    throw Error("nothing to write: expected --out, --out-dir or --tokens-out");
  if (!options.out_dir.empty()) ImageFolderWriter{options.out_dir};  // refuses before any work
  const bool folders = !options.generator.empty() || !options.tokenizer.empty();
  if (options.pipeline.empty() && (options.generator.empty() || options.tokenizer.empty()))
    throw Error("expected --generator DIR and --tokenizer DIR, or --pipeline DIR");
  if (!options.pipeline.empty() && folders)
    throw Error("--pipeline holds a generator and a tokenizer, expected no others beside it");
}

std::uint64_t SamplePlan::image_seed(std::size_t image) const { return mix({seed, image}); }

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
  const auto counts = options.total > 0
                          ? proportional_parts(options.total, training_images(classes, generator))
                          : std::vector<std::int64_t>(classes.size(), std::int64_t{options.count});
  for (std::size_t i = 0; i < classes.size(); ++i)
    plan.labels.insert(plan.labels.end(), static_cast<std::size_t>(counts[i]), classes[i]);
  return plan;
}

}  // namespace tessera
