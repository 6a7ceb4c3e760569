#include "demo/arm.h"

#include "experiment/generator_experiment.h"
#include "experiment/tokenizer_experiment.h"

namespace tessera {

nlohmann::json run_arm(const ExperimentOptions& options, const fs::path& folder) {
  const TokenizerExperiment tokenizer(options, folder);
  const GeneratorExperiment generator(options, {.tokenizer = folder, .folder = folder});
  nlohmann::json results;
  results["tokenizer"] = tokenizer.train();
  tokenizer.encode();
  results["generator"] = generator.train();
  results["likelihood"] = generator.likelihood();
  results["reconstruction"] = tokenizer.measure();
  results["generation"] = generator.generation();
  return results;
}

}  // namespace tessera
