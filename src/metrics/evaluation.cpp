#include "metrics/evaluation.h"

#include <charconv>
#include <cstdio>

#include "base/class_names.h"
#include "base/error.h"
#include "base/progress.h"
#include "base/version.h"
#include "metrics/generation.h"
#include "metrics/reconstruction.h"
#include "tokenizer/activation_memory.h"
#include "training/device.h"

namespace tessera {
namespace {

constexpr int kDefaultSide = 32;

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

struct Source {
  std::shared_ptr<const ImageSet> images;
  std::string words;

  Source(const std::vector<std::string>& data, Split split, const DataConfig& config)
      : images(take_split(open_images(data), split, config)), words(joined(data)) {}
  nlohmann::json described() const { return {{"data", words}, {"hash", listing_hash(*images)}}; }
};

std::optional<FeatureNet> load_features(const std::string& folder, const torch::Device& device) {
  if (folder.empty()) return std::nullopt;
  return FeatureNet::load(folder, device);
}

// "all" is 0; "10k" is 10000.
std::int64_t images_of_protocol(const std::string& protocol) {
  if (protocol == "all") return 0;
  std::int64_t count = 0;
  const auto* end = protocol.data() + protocol.size();
  const auto [stop, error] = std::from_chars(protocol.data(), end, count);
  const bool thousands = error == std::errc() && stop + 1 == end && *stop == 'k';
  if (error != std::errc() || (stop != end && !thousands) || count < 1 || count > 1'000'000'000)
    throw UsageError("--protocol is '" + protocol +
                     "', expected all or a number of images such as 10k");
  return thousands ? count * 1000 : count;
}

int side_of(const EvaluateGenerationOptions& options) {
  if (options.image_size > 0) return options.image_size;
  if (options.features.empty()) return kDefaultSide;
  return read_model_config(options.features, "features").recipe.data.image_size;
}

void print(const nlohmann::json& result, const std::vector<const char*>& keys) {
  for (const auto* key : keys)
    if (result.contains(key)) std::printf("%-20s %.6g\n", key, result[key].get<double>());
  if (result.contains("note")) std::printf("%s\n", result["note"].get<std::string>().c_str());
}

void print_nearest(const nlohmann::json& nearest) {
  for (const auto* space : {"features", "pixels"})
    if (nearest.contains(space))
      std::printf("nearest training image in %s: generated %.4g, held-out %.4g (medians)\n", space,
                  nearest[space]["generated"]["median"].get<double>(),
                  nearest[space]["held_out"]["median"].get<double>());
}

void say_warnings(const nlohmann::json& result, const RunOptions& options) {
  if (options.quiet || !result.contains("warnings")) return;
  for (const auto& warning : result["warnings"]) say("warning: " + warning.get<std::string>());
}

bool says_nothing(const RunOptions& options) { return options.quiet || options.json == "-"; }

}  // namespace

nlohmann::json evaluate_reconstruction(const EvaluateReconstructionOptions& options) {
  const auto device = open_device(options);
  auto tokenizer = Tokenizer::load(options.tokenizer, device);
  const auto net = load_features(options.features, device);
  const auto config = tokenizer.data_config(options.image_size);
  if (device.is_cpu())
    require_activation_memory(
        tokenizer.config().recipe.tokenizer, config.image_size, 1,
        (options.image_size > 0 ? "--image-size is " : "the tokenizer's image_size is ") +
            std::to_string(config.image_size));
  const Source source(options.data, options.split, config);
  auto result = measure_reconstruction(
      tokenizer, batches_of(source.images, config, device, options.limit), net ? &*net : nullptr);
  if (!net) result["note"] = "fd needs --features";
  result.update({{"tokenizer", tokenizer.hash()},
                 {"data", source.words},
                 {"data_hash", listing_hash(*source.images)},
                 {"image_size", config.image_size},
                 {"seed", options.seed},
                 {"made_by", made_by(options.seed)}});
  return result;
}

nlohmann::json evaluate_generation(const EvaluateGenerationOptions& options) {
  const auto exactly = images_of_protocol(options.protocol);
  const auto device = open_device(options);
  const auto net = load_features(options.features, device);
  DataConfig config;
  config.image_size = side_of(options);
  config.validate();

  const Source real(options.real, options.split, config),
      generated(options.generated, Split::all, config);
  warn_of_other_classes("--real " + real.words, real.images->class_names(),
                        "--generated " + generated.words, generated.images->class_names());
  const auto available = static_cast<std::int64_t>(generated.images->size());
  if (available < exactly)
    throw UsageError("--generated " + generated.words + ": " + std::to_string(available) +
                     " images, expected at least " + std::to_string(exactly) + " (--protocol)");
  nlohmann::json result = {{"images", exactly > 0 ? exactly : available},
                           {"real_images", real.images->size()},
                           {"real", real.described()},
                           {"generated", generated.described()},
                           {"data", real.words},
                           {"protocol", options.protocol},
                           {"image_size", config.image_size},
                           {"seed", options.seed},
                           {"made_by", made_by(options.seed)}};
  if (const auto mismatch = class_mismatch("real", real.images->class_names(), "generated",
                                           generated.images->class_names());
      !mismatch.empty())
    result["class_mismatch"] = mismatch;
  if (net)
    result.update(compare(GenerationReference(*net, batches_of(real.images, config, device)),
                          batches_of(generated.images, config, device, exactly)));
  else
    result["note"] = "fd, precision, recall, density and coverage need --features";
  if (!options.train.empty()) {
    // Beside the held-out part of a data set stands its other part.
    const auto part = options.split == Split::valid ? Split::train : Split::all;
    const Source train(options.train, part, config);
    warn_of_other_classes("--real " + real.words, real.images->class_names(),
                          "--train " + train.words, train.images->class_names());
    result["train"] = train.described();
    result["nearest_train"] =
        nearest_train(net ? &*net : nullptr, batches_of(train.images, config, device),
                      batches_of(generated.images, config, device, options.nearest_images),
                      batches_of(real.images, config, device, options.nearest_images));
  }
  return result;
}

void run_evaluate_reconstruction(const EvaluateReconstructionOptions& options) {
  const auto result = evaluate_reconstruction(options);
  say_warnings(result, options);
  write_results(options.json, result);
  if (says_nothing(options)) return;
  print(result, {"psnr", "ssim", "l1", "l2", "fd", "codebook_perplexity", "codebook_used",
                 "bits_per_pixel", "images"});
}

void run_evaluate_generation(const EvaluateGenerationOptions& options) {
  const auto result = evaluate_generation(options);
  say_warnings(result, options);
  write_results(options.json, result);
  if (says_nothing(options)) return;
  print(result, {"fd", "precision", "recall", "density", "coverage", "images", "real_images"});
  if (result.contains("nearest_train")) print_nearest(result["nearest_train"]);
}

}  // namespace tessera
