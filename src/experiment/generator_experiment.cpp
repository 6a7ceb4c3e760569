#include "experiment/generator_experiment.h"

#include "experiment/measured_samples.h"
#include "generator/evaluate.h"
#include "generator/train_generator.h"

namespace tessera {

GeneratorExperiment::GeneratorExperiment(const ExperimentOptions& options, GeneratorFolders folders)
    : options_(options),
      folders_(std::move(folders)),
      recipe_(load_recipe(options.recipe, options.overrides)),
      stages_(folders_.folder / "stages") {}

nlohmann::json GeneratorExperiment::train(const std::string& branch) const {
  return stage("generator", [&] {
    auto train = stage_options<TrainGeneratorOptions>(options_);
    train.recipe = options_.recipe;
    train.overrides = options_.overrides;
    train.tokens = made("train.safetensors");
    train.valid_tokens = made("valid.safetensors");
    train.branch = branch;
    train.out = model();
    train.resume = true;
    return train_generator(train);
  });
}

nlohmann::json GeneratorExperiment::likelihood() const {
  return stage("likelihood", [&] {
    auto evaluate = stage_options<LikelihoodOptions>(options_);
    evaluate.generator = model();
    evaluate.tokens = made("held-out.safetensors");
    return evaluate_likelihood(evaluate);
  });
}

nlohmann::json GeneratorExperiment::generation() const {
  SampleReferences references(options_, recipe_.data, made("tokenizer"));
  return generation(references);
}

nlohmann::json GeneratorExperiment::generation(SampleReferences& references) const {
  return stage("generation", [&] {
    return measure_samples(options_, recipe_, references, model(),
                           folders_.folder / folders_.samples);
  });
}

}  // namespace tessera
