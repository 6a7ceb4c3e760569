#include "experiment/measured_samples.h"

#include "base/progress.h"
#include "base/random.h"
#include "experiment/held_out.h"
#include "generator/sampler.h"
#include "image/image.h"
#include "metrics/generation.h"
#include "metrics/reconstruction.h"
#include "tokenizer/image_tensors.h"
#include "training/device.h"

namespace tessera {
namespace {

constexpr int kSheetImagesPerClass = 8;
constexpr std::int64_t kNearestImages = 1000;

// What each set of samples is drawn with, besides the seed.
enum Draw : std::uint64_t { kSearch = 1, kMeasured = 2, kSheet = 3 };

class MeasuredSamples {
 public:
  MeasuredSamples(const ExperimentOptions& options, const Recipe& recipe, const fs::path& tokenizer,
                  const fs::path& generator)
      : options_(options),
        recipe_(recipe),
        held_out_(options, recipe.data),
        device_(open_device(options)),
        tokenizer_(Tokenizer::load(tokenizer.string(), device_)),
        generator_(Generator::load(generator.string(), device_)),
        net_(FeatureNet::load(options.metric_features, device_)) {}

  nlohmann::json measure(const fs::path& sheet) {
    const auto [guidance, tried] = choose_guidance();
    write_sheet(guidance, sheet);
    const auto codes = draw(options_.samples, guidance, kMeasured, "samples");
    const auto rows = features_of(net_, decoded(codes));
    const auto held_out = held_out_.test_batches(device_);
    auto result = compare(GenerationReference(net_, held_out), rows);
    const GenerationReference own(net_, reconstructions_of(tokenizer_, held_out));
    result["fd_reconstructions"] = frechet_distance_to(own, rows);
    result["cfg"] = guidance;
    result["guidance_search"] = tried;
    result["nearest_train"] = nearest(codes);
    return result;
  }

 private:
  // Codes [count, T] on the CPU, classes in turn.
  torch::Tensor draw(std::int64_t count, double guidance, Draw which, const std::string& what) {
    SampleRequest request;
    static_cast<SamplingConfig&>(request) = recipe_.sampling;
    request.cfg = guidance;
    request.seed = mix({options_.seed, which});
    for (std::int64_t i = 0; i < count; ++i)
      request.labels.push_back(i % generator_.shape().classes);
    Progress progress(what, count, options_.quiet);
    auto codes =
        sample_tokens(generator_, request, [&](std::int64_t done) { progress.update(done); });
    progress.finish();
    return codes;
  }

  ImageBatches decoded(const torch::Tensor& codes) {
    return [this, codes](const std::function<void(const torch::Tensor&)>& use) {
      for (const auto& part : codes.split(100))
        use(tokenizer_.decode(part.to(device_)).clamp(-1, 1));
    };
  }

  // The guidance whose samples are nearest to held-out training images: the test set has no say in
  // it.
  std::pair<double, nlohmann::json> choose_guidance() {
    const GenerationReference reference(
        net_, held_out_.batches(held_out_.valid(), device_, options_.held_out_images));
    auto tried = nlohmann::json::array();
    double best = options_.guidance.front(), best_distance = INFINITY;
    for (const double guidance : options_.guidance) {
      const auto codes = draw(options_.search_samples, guidance, kSearch, "guidance search");
      const double distance = frechet_distance_to(reference, features_of(net_, decoded(codes)));
      tried.push_back({{"cfg", guidance}, {"fd", distance}});
      if (distance < best_distance) best = guidance, best_distance = distance;
    }
    return {best, tried};
  }

  void write_sheet(double guidance, const fs::path& path) {
    const auto classes = generator_.shape().classes;
    const auto codes = draw(kSheetImagesPerClass * classes, guidance, kSheet, "sample sheet");
    // Drawn class by class in turn; shown one class a row.
    const auto rows =
        codes.view({kSheetImagesPerClass, classes, -1}).transpose(0, 1).flatten(0, 1).contiguous();
    const auto images = images_of(tokenizer_.decode(rows.to(device_)).cpu());
    write_png(path, image_grid(images, kSheetImagesPerClass));
  }

  nlohmann::json nearest(const torch::Tensor& codes) {
    const auto count = std::min<std::int64_t>(kNearestImages, codes.size(0));
    return nearest_train(
        &net_, held_out_.batches(held_out_.train(), device_, options_.encoded_images),
        decoded(codes.slice(0, 0, count)), held_out_.batches(held_out_.test(), device_, count));
  }

  const ExperimentOptions& options_;
  const Recipe& recipe_;
  HeldOut held_out_;
  torch::Device device_;
  Tokenizer tokenizer_;
  Generator generator_;
  FeatureNet net_;
};

}  // namespace

nlohmann::json measure_samples(const ExperimentOptions& options, const Recipe& recipe,
                               const fs::path& tokenizer, const fs::path& generator,
                               const fs::path& sheet) {
  return MeasuredSamples(options, recipe, tokenizer, generator).measure(sheet);
}

}  // namespace tessera
