#include "demo/arm.h"

#include <numeric>

#include "base/progress.h"
#include "base/random.h"
#include "base/settings.h"
#include "demo/stages.h"
#include "generator/evaluate.h"
#include "generator/sampler.h"
#include "generator/train_generator.h"
#include "image/image.h"
#include "metrics/generation.h"
#include "metrics/reconstruction.h"
#include "tokenizer/apply.h"
#include "tokenizer/image_tensors.h"
#include "tokenizer/train_tokenizer.h"
#include "training/device.h"

namespace tessera {
namespace {

constexpr int kGridImagesPerClass = 8;
constexpr int kReconstructions = 32;
constexpr std::int64_t kNearestImages = 1000;

template <typename T>
T with_run_options(const ArmOptions& options) {
  T result;
  static_cast<RunOptions&>(result) = options;
  result.json.clear();
  return result;
}

class Arm {
 public:
  explicit Arm(const ArmOptions& options)
      : options_(options),
        recipe_(load_recipe(options.recipe, options.overrides)),
        stages_(options.folder / "stages") {}

  nlohmann::json run() {
    nlohmann::json results;
    results["tokenizer"] = stages_.run("tokenizer", [&] { return train_tokenizer_stage(); });
    stages_.run("encode-train",
                [&] { return encode(options_.data, Split::train, "train", recipe_.data.flip); });
    stages_.run("encode-valid",
                [&] { return encode(options_.data, Split::valid, "valid", false); });
    stages_.run("encode-held-out", [&] { return encode_held_out(); });
    results["generator"] = stages_.run("generator", [&] { return train_generator_stage(); });
    results["likelihood"] = stages_.run("likelihood", [&] { return likelihood(); });
    results["reconstruction"] = stages_.run("reconstruction", [&] { return reconstruction(); });
    results["generation"] = stages_.run("generation", [&] { return generation(); });
    return results;
  }

 private:
  std::string path(const std::string& name) const { return (options_.folder / name).string(); }

  nlohmann::json train_tokenizer_stage() {
    auto train = with_run_options<TrainTokenizerOptions>(options_);
    train.recipe = options_.recipe;
    train.overrides = options_.overrides;
    train.data = options_.data;
    train.features = options_.loss_features;
    train.out = path("tokenizer");
    train.resume = true;
    return train_tokenizer(train);
  }

  nlohmann::json encode(const std::vector<std::string>& data, Split split, const std::string& name,
                        bool flip) {
    auto encode = with_run_options<EncodeOptions>(options_);
    encode.tokenizer = path("tokenizer");
    encode.data = data;
    encode.split = split;
    encode.flip = flip;
    encode.out = path(name + ".safetensors");
    encode.limit = split == Split::train ? options_.encoded_images : options_.held_out_images;
    return encode_images(encode);
  }

  nlohmann::json encode_held_out() {
    return options_.held_out.empty() ? encode(options_.data, Split::valid, "held-out", false)
                                     : encode(options_.held_out, Split::all, "held-out", false);
  }

  nlohmann::json train_generator_stage() {
    auto train = with_run_options<TrainGeneratorOptions>(options_);
    train.recipe = options_.recipe;
    train.overrides = options_.overrides;
    train.tokens = path("train.safetensors");
    train.valid_tokens = path("valid.safetensors");
    train.out = path("generator");
    train.resume = true;
    return train_generator(train);
  }

  nlohmann::json likelihood() {
    auto evaluate = with_run_options<LikelihoodOptions>(options_);
    evaluate.generator = path("generator");
    evaluate.tokens = path("held-out.safetensors");
    return evaluate_likelihood(evaluate);
  }

  std::shared_ptr<const ImageSet> valid_images() const {
    return take_split(open_images(options_.data), Split::valid, recipe_.data);
  }

  std::shared_ptr<const ImageSet> held_out_images() const {
    return options_.held_out.empty() ? valid_images() : open_images(options_.held_out);
  }

  ImageBatches held_out_batches(const torch::Device& device) const {
    return batches_of(held_out_images(), recipe_.data, device, options_.held_out_images);
  }

  nlohmann::json reconstruction() {
    const auto device = open_device(options_);
    auto tokenizer = Tokenizer::load(path("tokenizer"), device);
    const auto net = FeatureNet::load(options_.metric_features, device);
    auto show = with_run_options<ReconstructOptions>(options_);
    show.tokenizer = path("tokenizer");
    show.data = options_.held_out.empty() ? options_.data : options_.held_out;
    show.split = options_.held_out.empty() ? Split::valid : Split::all;
    show.out = path("reconstructions.png");
    show.count = kReconstructions;
    reconstruct_images(show);
    auto result = measure_reconstruction(tokenizer, held_out_batches(device), &net);
    result["code_perplexity"] = result["codebook_perplexity"];
    return result;
  }

  // Codes [count, T] on the CPU, classes in turn.
  torch::Tensor draw(Generator& generator, std::int64_t count, double guidance, std::uint64_t seed,
                     const std::string& what) const {
    SampleRequest request;
    static_cast<SamplingConfig&>(request) = recipe_.sampling;
    request.cfg = guidance;
    request.seed = seed;
    for (std::int64_t i = 0; i < count; ++i)
      request.labels.push_back(i % generator.shape().classes);
    Progress progress(what, count, options_.quiet);
    auto codes =
        sample_tokens(generator, request, [&](std::int64_t done) { progress.update(done); });
    progress.finish();
    return codes;
  }

  // The guidance whose samples are nearest to held-out training images: the test set has no say in
  // it.
  std::pair<double, nlohmann::json> choose_guidance(Generator& generator, Tokenizer& tokenizer,
                                                    const FeatureNet& net,
                                                    const torch::Device& device) const {
    const GenerationReference reference(
        net, batches_of(valid_images(), recipe_.data, device, options_.held_out_images));
    auto tried = nlohmann::json::array();
    double best = options_.guidance.front(), best_distance = INFINITY;
    for (const double guidance : options_.guidance) {
      const auto codes = draw(generator, options_.search_samples, guidance, mix({options_.seed, 1}),
                              "guidance search");
      const double distance =
          frechet_distance_to(reference, features_of(net, decoded(tokenizer, codes, device)));
      tried.push_back({{"cfg", guidance}, {"fd", distance}});
      if (distance < best_distance) best = guidance, best_distance = distance;
    }
    return {best, tried};
  }

  static ImageBatches decoded(Tokenizer& tokenizer, const torch::Tensor& codes,
                              const torch::Device& device) {
    return [&tokenizer, codes, device](const std::function<void(const torch::Tensor&)>& use) {
      for (const auto& part : codes.split(100)) use(tokenizer.decode(part.to(device)).clamp(-1, 1));
    };
  }

  void write_grid(Generator& generator, Tokenizer& tokenizer, double guidance,
                  const torch::Device& device) const {
    const auto classes = generator.shape().classes;
    const auto codes = draw(generator, kGridImagesPerClass * classes, guidance,
                            mix({options_.seed, 3}), "sample grid");
    // Drawn class by class in turn; shown one class a row.
    const auto rows =
        codes.view({kGridImagesPerClass, classes, -1}).transpose(0, 1).flatten(0, 1).contiguous();
    write_png(path("samples.png"),
              image_grid(images_of(tokenizer.decode(rows.to(device)).cpu()), kGridImagesPerClass));
  }

  nlohmann::json generation() {
    const auto device = open_device(options_);
    auto tokenizer = Tokenizer::load(path("tokenizer"), device);
    auto generator = Generator::load(path("generator"), device);
    const auto net = FeatureNet::load(options_.metric_features, device);
    const auto [guidance, tried] = choose_guidance(generator, tokenizer, net, device);
    write_grid(generator, tokenizer, guidance, device);
    const auto codes =
        draw(generator, options_.samples, guidance, mix({options_.seed, 2}), "samples");
    const auto rows = features_of(net, decoded(tokenizer, codes, device));
    const auto held_out = held_out_batches(device);
    auto result = compare(GenerationReference(net, held_out), rows);
    const GenerationReference own(net, reconstructions_of(tokenizer, held_out));
    result["fd_reconstructions"] = frechet_distance_to(own, rows);
    result["cfg"] = guidance;
    result["guidance_search"] = tried;
    const auto train = take_split(open_images(options_.data), Split::train, recipe_.data);
    const auto nearest = std::min<std::int64_t>(kNearestImages, codes.size(0));
    result["nearest_train"] =
        nearest_train(&net, batches_of(train, recipe_.data, device, options_.encoded_images),
                      decoded(tokenizer, codes.slice(0, 0, nearest), device),
                      batches_of(held_out_images(), recipe_.data, device, nearest));
    return result;
  }

  const ArmOptions& options_;
  Recipe recipe_;
  Stages stages_;
};

}  // namespace

nlohmann::json run_arm(const ArmOptions& options) { return Arm(options).run(); }

}  // namespace tessera
