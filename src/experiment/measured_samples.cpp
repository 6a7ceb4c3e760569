#include "experiment/measured_samples.h"

#include <algorithm>
#include <map>

#include "base/progress.h"
#include "base/random.h"
#include "generator/sampler.h"
#include "image/image.h"
#include "metrics/reconstruction.h"
#include "samples/classes.h"
#include "tokenizer/image_tensors.h"
#include "training/device.h"

namespace tessera {
namespace {

constexpr int kSheetImagesPerClass = 8;
constexpr std::int64_t kNearestImages = 1000;

// What each set of samples is drawn with, besides the seed.
enum Draw : std::uint64_t { kSearch = 1, kMeasured = 2, kSheet = 3 };

// How many of the images each of `names` has; where the images' classes have other names, as many
// of each.
std::vector<double> class_sizes(const ImageSet& images, const std::vector<std::string>& names) {
  warn_of_other_classes("the images measured against", images.class_names(), "the generator",
                        names);
  std::map<std::string, double> counts;
  for (std::size_t i = 0; i < images.size(); ++i)
    ++counts[images.class_names()[static_cast<std::size_t>(images.label(i))]];
  std::vector<double> sizes;
  for (const auto& name : names) sizes.push_back(counts[name]);
  const bool any = std::any_of(sizes.begin(), sizes.end(), [](double size) { return size > 0; });
  return any ? sizes : std::vector<double>(names.size(), 1);
}

class MeasuredSamples {
 public:
  MeasuredSamples(const ExperimentOptions& options, const Recipe& recipe,
                  SampleReferences& references, const fs::path& generator)
      : options_(options),
        recipe_(recipe),
        references_(references),
        generator_(Generator::load(generator.string(), references.device())),
        class_sizes_(class_sizes(*references.images().test(), generator_.config().class_names)) {}

  nlohmann::json measure(const fs::path& sheet) {
    const auto [guidance, tried] = choose_guidance();
    write_sheet(guidance, sheet);
    const auto codes =
        draw(labels_in_proportion(options_.samples, class_sizes_), guidance, kMeasured, "samples");
    const auto rows = features_of(references_.net(), decoded(codes));
    auto result = compare(references_.held_out(), rows);
    result["fd_reconstructions"] = frechet_distance_to(references_.reconstructions(), rows);
    if (const auto half = rows.size(0) / 2; half >= 2)  // classes come in turn: each has its part
      result["fd_halves"] = {frechet_distance_to(references_.held_out(), rows.slice(0, 0, half)),
                             frechet_distance_to(references_.held_out(), rows.slice(0, half))};
    result["cfg"] = guidance;
    result["guidance_search"] = tried;
    if (options_.nearest_train) result["nearest_train"] = nearest(codes);
    return result;
  }

 private:
  // Codes [count, T] on the CPU.
  torch::Tensor draw(std::vector<std::int64_t> labels, double guidance, Draw which,
                     const std::string& what) {
    const auto count = static_cast<std::int64_t>(labels.size());
    SampleRequest request;
    static_cast<SamplingConfig&>(request) = recipe_.sampling;
    request.cfg = guidance;
    request.seed = mix({options_.seed, which});
    request.labels = std::move(labels);
    Progress progress(what, count, options_.quiet);
    auto codes =
        sample_tokens(generator_, request, [&](std::int64_t done) { progress.update(done); });
    progress.finish();
    return codes;
  }

  torch::Tensor decode(const torch::Tensor& codes) {
    return references_.tokenizer().decode(codes.to(references_.device()));
  }

  ImageBatches decoded(const torch::Tensor& codes) {
    return [this, codes](const std::function<void(const torch::Tensor&)>& use) {
      for (const auto& part : codes.split(100)) use(decode(part).clamp(-1, 1));
    };
  }

  // The guidance whose samples are nearest to held-out training images: the test set has no say in
  // it.
  std::pair<double, nlohmann::json> choose_guidance() {
    auto tried = nlohmann::json::array();
    double best = options_.guidance.front(), best_distance = INFINITY;
    for (const double guidance : options_.guidance) {
      const auto codes = draw(labels_in_proportion(options_.search_samples, class_sizes_), guidance,
                              kSearch, "guidance search");
      const double distance =
          frechet_distance_to(references_.search(), features_of(references_.net(), decoded(codes)));
      tried.push_back({{"cfg", guidance}, {"fd", distance}});
      if (distance < best_distance) best = guidance, best_distance = distance;
    }
    return {best, tried};
  }

  void write_sheet(double guidance, const fs::path& path) {
    const auto classes = generator_.shape().classes;
    const std::vector<double> alike(static_cast<std::size_t>(classes), 1);
    const auto codes = draw(labels_in_proportion(kSheetImagesPerClass * classes, alike), guidance,
                            kSheet, "sample sheet");
    // Drawn class by class in turn; shown one class a row.
    const auto rows =
        codes.view({kSheetImagesPerClass, classes, -1}).transpose(0, 1).flatten(0, 1).contiguous();
    const auto images = images_of(decode(rows).cpu());
    write_png(path, image_grid(images, kSheetImagesPerClass));
  }

  nlohmann::json nearest(const torch::Tensor& codes) {
    const auto count = std::min<std::int64_t>(kNearestImages, codes.size(0));
    const auto& images = references_.images();
    const auto& device = references_.device();
    return nearest_train(
        &references_.net(), images.batches(images.train(), device, options_.encoded_images),
        decoded(codes.slice(0, 0, count)), images.batches(images.test(), device, count));
  }

  const ExperimentOptions& options_;
  const Recipe& recipe_;
  SampleReferences& references_;
  Generator generator_;
  std::vector<double> class_sizes_;  // of the images that samples are measured against
};

}  // namespace

SampleReferences::SampleReferences(const ExperimentOptions& options, const DataConfig& data,
                                   fs::path tokenizer)
    : options_(options),
      images_(options, data),
      tokenizer_folder_(std::move(tokenizer)),
      device_(open_device(options)) {}

const FeatureNet& SampleReferences::net() {
  if (!net_) net_ = FeatureNet::load(options_.metric_features, device_);
  return *net_;
}

Tokenizer& SampleReferences::tokenizer() {
  if (!tokenizer_) tokenizer_ = Tokenizer::load(tokenizer_folder_.string(), device_);
  return *tokenizer_;
}

const GenerationReference& SampleReferences::search() {
  if (!search_)
    search_.emplace(net(), images_.batches(images_.valid(), device_, options_.held_out_images));
  return *search_;
}

const GenerationReference& SampleReferences::held_out() {
  if (!held_out_) held_out_.emplace(net(), images_.test_batches(device_));
  return *held_out_;
}

const GenerationReference& SampleReferences::reconstructions() {
  if (!reconstructions_)
    reconstructions_.emplace(net(), reconstructions_of(tokenizer(), images_.test_batches(device_)));
  return *reconstructions_;
}

nlohmann::json measure_samples(const ExperimentOptions& options, const Recipe& recipe,
                               SampleReferences& references, const fs::path& generator,
                               const fs::path& sheet) {
  return MeasuredSamples(options, recipe, references, generator).measure(sheet);
}

}  // namespace tessera
