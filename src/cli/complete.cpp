#include <iostream>

#include "base/files.h"
#include "cli/command.h"
#include "generator/sample.h"

namespace tessera::cli {

void add_complete(CLI::App& app) {
  auto options = std::make_shared<CompleteOptions>();
  auto* command =
      add_command(app, "complete", "keep the top of an image and draw the rest anew",
                  "tessera complete --pipeline runs/pipeline --image photo.png --keep-rows 8 "
                  "--classes dog --count 7 --out runs/completions.png");
  command->add_option("--image", options->image, "PNG or JPEG to begin with")->required();
  command->add_option("--keep-rows", options->keep_rows, "rows of tokens kept, from the top")
      ->required()
      ->transform(whole_number(0));
  add_sample_options(command, *options);
  add_torch_options(command, *options);
  command->callback([options] {
    const auto draw = sample_backend(*options, sample_with_torch);
    auto result = draw(*options, beginning_of(*options));
    result["image"] = options->image;
    result["keep_rows"] = options->keep_rows;
    write_results(options->json, result);
    if (!options->quiet && options->json != "-")
      std::cout << result["images"] << " completions in " << result["seconds"] << " s\n";
  });
}

}  // namespace tessera::cli
