#include <iostream>

#include "base/files.h"
#include "cli/command.h"
#include "generator/evaluate.h"

namespace tessera::cli {

void add_evaluate_likelihood(CLI::App& evaluate) {
  auto options = std::make_shared<LikelihoodOptions>();
  auto* command = add_command(
      evaluate, "likelihood", "how well a generator predicts held-out tokens",
      "tessera evaluate likelihood --generator runs/generator --tokens runs/valid.safetensors "
      "--json runs/likelihood.json");
  command->add_option("--generator", options->generator, "model folder")->required();
  command->add_option("--tokens", options->tokens, "token file of the same tokenizer")->required();
  add_run_options(command, *options);
  add_device_option(command, *options);
  command->callback([options] {
    const auto result = evaluate_likelihood(*options);
    write_results(options->json, result);
    if (!options->quiet && options->json != "-")
      std::cout << "nats per token " << result["nats_per_token"] << ", unigram entropy "
                << result["unigram_entropy"] << ", predictability " << result["predictability"]
                << ", bits per image " << result["bits_per_image"] << "\n";
  });
}

}  // namespace tessera::cli
