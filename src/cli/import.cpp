#include <iostream>

#include "base/files.h"
#include "cli/command.h"
#include "import/import_model.h"

namespace tessera::cli {
namespace {

// What every kind has: files, --out, the run options; then runs it and prints a line.
template <typename Options>
CLI::App* add_kind(CLI::App& import, const std::string& kind, const std::string& description,
                   const std::string& example, nlohmann::json (*run)(const Options&),
                   std::shared_ptr<Options> options) {
  auto* command = add_command(import, kind, description, example);
  command->add_option("files", options->files, "checkpoint: .pt, .pth, .ckpt or .safetensors")
      ->required();
  command->add_option("--out", options->out, "model folder to write, new or empty")->required();
  add_run_options(command, *options);
  command->callback([options, run] {
    const nlohmann::json result = run(*options);
    write_results(options->json, result);
    if (!options->quiet && options->json != "-")
      std::cout << options->out << ": " << result["kind"].get<std::string>() << " of "
                << result["parameters"] << " parameters, SHA-256 "
                << result["model"].get<std::string>() << "\n";
  });
  return command;
}

void add_weights_option(CLI::App* command, ImportOptions& options, const std::string& without) {
  command
      ->add_option("--weights", options.weights,
                   "which weights of the file: model or ema; without it " + without)
      ->transform(one_of({"model", "ema"}));
}

void add_image_size_option(CLI::App* command, ImportVqOptions& options) {
  command
      ->add_option("--image-size", options.image_size,
                   "pixels per side to which encode, reconstruct and evaluate cut images")
      ->transform(whole_number(4, kLargestSide))
      ->capture_default_str();
}

void add_tokenizers(CLI::App& import) {
  auto llamagen = std::make_shared<ImportVqOptions>();
  auto* command = add_kind(import, "llamagen-vq", "a VQ tokenizer of LlamaGen's",
                           "tessera import llamagen-vq vq_ds16_c2i.pt --out models/vq16",
                           import_llamagen_vq, llamagen);
  add_weights_option(command, *llamagen, "ema if there are such");
  add_image_size_option(command, *llamagen);
  auto taming = std::make_shared<ImportVqOptions>();
  command = add_kind(import, "taming-vqgan", "a VQGAN of taming-transformers'",
                     "tessera import taming-vqgan last.ckpt --out models/vqgan",
                     import_taming_vqgan, taming);
  add_image_size_option(command, *taming);
}

void add_generator(CLI::App& import) {
  auto options = std::make_shared<ImportGptOptions>();
  auto* command =
      add_kind(import, "llamagen-gpt", "a class-conditional transformer of LlamaGen's",
               "tessera import llamagen-gpt c2i_B_256.pt --tokenizer models/vq16 --out models/b",
               import_llamagen_gpt, options);
  command
      ->add_option("--tokenizer", options->tokenizer,
                   "model folder of the tokenizer whose tokens it draws")
      ->required();
  command->add_option("--grid", options->grid, "tokens per image; 24x24 for models of 384 pixels")
      ->capture_default_str();
  command
      ->add_option("--heads", options->heads,
                   "attention heads, which no file holds; 0: of 64 channels, in the 3B of 100")
      ->transform(whole_number(0, 4096))
      ->capture_default_str();
  command->add_option("--class-names", options->class_names,
                      "text file, a name per line; without it 0, 1, ..");
  add_weights_option(command, *options, "ema if there are such, else what the file has");
}

}  // namespace

void add_import(CLI::App& app) {
  auto* import = app.add_subcommand("import", "turn a published checkpoint into a model folder");
  import->require_subcommand(1);
  add_tokenizers(*import);
  add_generator(*import);
  add_kind(*import, "vgg16-lpips", "the perceptual distance LPIPS: VGG16 and its heads, two files",
           "tessera import vgg16-lpips vgg16-397923af.pth vgg.pth --out models/lpips",
           import_vgg16_lpips, std::make_shared<ImportOptions>());
}

}  // namespace tessera::cli
