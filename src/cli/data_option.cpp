#include "cli/data_option.h"

#include <memory>

#include "image/image.h"

namespace tessera::cli {

std::string data_kinds() {
  return "a folder of images (" + image_kinds() +
         ", by class folders or not), tar files (WebDataset's, too), IDX, CIFAR binary, .npy or a "
         "name (fashion-mnist, fashion-mnist-test, emoji); docs/formats/data.md";
}

CLI::Option* add_data_option(CLI::App* command, std::vector<std::string>& data,
                             const std::string& what) {
  auto* option = command->add_option("--data", data, what + ": " + data_kinds());
  const auto add_key = [&](const std::string& name, const std::string& description) {
    command->add_option_function<std::string>(
        "--" + name, [&data, name](const std::string& key) { data.push_back(name + "=" + key); },
        description);
  };
  add_key("image-key", "which image of a sample to read where it holds several, such as input.png");
  add_key("label-key",
          "where labels are: cls, txt, json, json.FIELD, folder or none; by default what fits");
  return option;
}

}  // namespace tessera::cli
