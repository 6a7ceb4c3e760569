#include "experiment/tokenizer_experiment.h"

#include "experiment/held_out.h"
#include "metrics/reconstruction.h"
#include "tokenizer/apply.h"
#include "tokenizer/train_tokenizer.h"
#include "training/device.h"

namespace tessera {
namespace {

constexpr int kShown = 32;

}  // namespace

TokenizerExperiment::TokenizerExperiment(const ExperimentOptions& options, fs::path folder)
    : options_(options),
      folder_(std::move(folder)),
      recipe_(load_recipe(options.recipe, options.overrides)),
      stages_(folder_ / "stages") {}

nlohmann::json TokenizerExperiment::train() const {
  return stages_.run("tokenizer", [&] {
    auto train = stage_options<TrainTokenizerOptions>(options_);
    train.recipe = options_.recipe;
    train.overrides = options_.overrides;
    train.data = options_.data;
    train.features = options_.loss_features;
    train.out = path("tokenizer");
    train.resume = true;
    return train_tokenizer(train);
  });
}

void TokenizerExperiment::encode() const {
  const bool own = options_.held_out.empty();
  stages_.run("encode-train",
              [&] { return encode(options_.data, Split::train, "train", recipe_.data.flip); });
  stages_.run("encode-valid", [&] { return encode(options_.data, Split::valid, "valid", false); });
  stages_.run("encode-held-out", [&] {
    return encode(own ? options_.data : options_.held_out, own ? Split::valid : Split::all,
                  "held-out", false);
  });
}

nlohmann::json TokenizerExperiment::encode(const std::vector<std::string>& data, Split split,
                                           const std::string& name, bool flip) const {
  auto encode = stage_options<EncodeOptions>(options_);
  encode.tokenizer = path("tokenizer");
  encode.data = data;
  encode.split = split;
  encode.flip = flip;
  encode.out = path(name + ".safetensors");
  encode.limit = split == Split::train ? options_.encoded_images : options_.held_out_images;
  return encode_images(encode);
}

nlohmann::json TokenizerExperiment::measure() const {
  return stages_.run("reconstruction", [&] { return reconstruct(); });
}

nlohmann::json TokenizerExperiment::reconstruct() const {
  const auto device = open_device(options_);
  auto tokenizer = Tokenizer::load(path("tokenizer"), device);
  const auto net = FeatureNet::load(options_.metric_features, device);
  const bool own = options_.held_out.empty();
  auto show = stage_options<ReconstructOptions>(options_);
  show.tokenizer = path("tokenizer");
  show.data = own ? options_.data : options_.held_out;
  show.split = own ? Split::valid : Split::all;
  show.out = path("reconstructions.png");
  show.count = kShown;
  reconstruct_images(show);
  auto result =
      measure_reconstruction(tokenizer, HeldOut(options_, recipe_.data).test_batches(device), &net);
  result["code_perplexity"] = result["codebook_perplexity"];
  return result;
}

}  // namespace tessera
