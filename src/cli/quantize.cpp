#include "engine/quantize.h"

#include <cstdio>
#include <iostream>

#include "base/files.h"
#include "cli/command.h"

namespace tessera::cli {

void add_quantize(CLI::App& app) {
  auto options = std::make_shared<QuantizeOptions>();
  auto* command = add_command(app, "quantize", "pack a generator's weights once, in fewer bits",
                              "tessera quantize --generator runs/generator --weights int8 "
                              "--tokens runs/valid.safetensors --out runs/generator-int8");
  command->add_option("--generator", options->generator, "model folder")->required();
  command->add_option("--weights", options->weights, "type of the packed weights")
      ->transform(one_of({"int8", "int4", "bf16", "float32"}))
      ->capture_default_str();
  command->add_option("--tokens", options->tokens,
                      "token file of held-out images, to measure what it costs");
  command->add_option("--images", options->images, "of them that are measured, at most")
      ->transform(whole_number(1))
      ->capture_default_str();
  command->add_option("--out", options->out, "model folder to write, new or empty")->required();
  add_run_options(command, *options);
  command->callback([options] {
    const auto result = quantize_generator(*options);
    write_results(options->json, result);
    if (options->quiet || options->json == "-") return;
    std::cout << options->out << ": " << result["bytes"].get<double>() / 1e6 << " MB, before "
              << result["bytes_before"].get<double>() / 1e6 << " MB\n";
    if (result.contains("nats_per_token"))
      std::printf("%+.4f nats per token on %lld held-out images\n",
                  result["nats_per_token"]["loss"].get<double>(),
                  result["images"].get<long long>());
  });
}

}  // namespace tessera::cli
