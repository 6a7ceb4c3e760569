#include <iostream>

#include "base/error.h"
#include "base/files.h"
#include "cli/engine_commands.h"

namespace tessera::cli {

void add_sample_options(CLI::App* command, SampleOptions& sample) {
  auto* options = &sample;
  command->add_option("--generator", options->generator, "model folder");
  command->add_option("--tokenizer", options->tokenizer, "model folder of its tokenizer");
  command->add_option("--pipeline", options->pipeline,
                      "both in one folder, as tessera export pipeline writes it");
  command->add_option("--classes", options->classes, "names or numbers with commas between, or all")
      ->capture_default_str();
  auto* count = command->add_option("--count", options->count, "images per class");
  count->transform(whole_number(1))->capture_default_str();
  command
      ->add_option("--total", options->total,
                   "instead of --count: images of all these classes, each class as large a part as "
                   "it was in training")
      ->transform(whole_number(1))
      ->excludes(count);
  command
      ->add_option("--cfg", options->cfg,
                   "guidance scale, 1 is none; default: the generator's recipe")
      ->transform(number_from(0));
  command->add_option("--cfg-schedule", options->cfg_schedule,
                      "constant, interval:A:B or power-cosine:P; default: the recipe");
  command
      ->add_option("--temperature", options->temperature,
                   "0 takes the likeliest token; default: the recipe")
      ->transform(number_from(0));
  command
      ->add_option("--top-k", options->top_k,
                   "among the k likeliest tokens, 0 is all; default: the recipe")
      ->transform(whole_number(0));
  command
      ->add_option("--top-p", options->top_p,
                   "among the tokens that hold this probability; default: the recipe")
      ->transform(number_above(0, 1));
  command->add_option("--batch", options->batch, "images drawn at a time")
      ->transform(whole_number(1, 65536))
      ->capture_default_str();
  command
      ->add_option("--weights", options->weights,
                   "how the engine holds weights: float32, bf16, int8, int4; auto: as they were "
                   "quantized, else in the recipe's precision, which is float32 for what was "
                   "imported, and else bf16 where the processor multiplies it")
      ->transform(one_of({"auto", "float32", "bf16", "int8", "int4"}))
      ->capture_default_str();
  command
      ->add_option("--cache", options->cache,
                   "how the engine holds keys and values: float32, bf16, int8; auto: as weights")
      ->transform(one_of({"auto", "float32", "bf16", "int8"}))
      ->capture_default_str();
  command->add_option("--out", options->out, "PNG of all images");
  command->add_option("--out-dir", options->out_dir,
                      "new or empty folder for one folder of PNG files per class");
  command->add_option("--tokens-out", options->tokens_out, "token file of what was drawn");
  add_run_options(command, *options);
}

void add_torch_options(CLI::App* command, SampleOptions& options) {
  command
      ->add_option("--backend", options.backend,
                   "engine, or torch: the model as it is trained, which the engine is held to; "
                   "default: engine on the CPU")
      ->transform(one_of({"engine", "torch"}));
  add_device_option(command, options);
}

SampleBackend sample_backend(const SampleOptions& options, const SampleBackend& torch) {
  const auto engine = engine_backend();
  const bool cpu = options.device == "cpu";
  const auto backend = !options.backend.empty() ? options.backend
                       : cpu && engine          ? "engine"
                                                : "torch";
  if (backend == "torch" && !torch)
    throw UsageError("--backend is 'torch', but this program was built without LibTorch");
  if (backend == "engine" && !engine)
    throw UsageError(
        "--backend is 'engine', but this program was built without the engine "
        "(TESSERA_ENGINE=OFF)");
  if (backend == "engine" && !cpu)
    throw UsageError("--device is '" + options.device +
                     "', but the engine runs on the CPU: expected --backend torch");
  return backend == "torch" ? torch : engine;
}

void add_sample(CLI::App& app, const SampleBackend& torch) {
  auto options = std::make_shared<SampleOptions>();
  auto* command = add_command(
      app, "sample", "draw new images",
      "tessera sample --generator runs/generator --tokenizer runs/tokenizer --classes all "
      "--count 8 --out runs/samples.png");
  add_sample_options(command, *options);
  if (torch) add_torch_options(command, *options);
  command->callback([options, torch] {
    const auto result = sample_backend(*options, torch)(*options, {});
    write_results(options->json, result);
    if (!options->quiet && options->json != "-")
      std::cout << result["images"] << " images in " << result["seconds"] << " s\n";
  });
}

}  // namespace tessera::cli
