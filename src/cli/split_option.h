#pragma once

#include "cli/usage.h"
#include "dataset/image_set.h"

namespace tessera::cli {

/// --split train|valid|all
inline void add_split_option(CLI::App* command, Split& split) {
  command
      ->add_option_function<std::string>(
          "--split",
          [&split](const std::string& name) {
            split = name == "train" ? Split::train : name == "valid" ? Split::valid : Split::all;
          },
          "which part of the images")
      ->transform(one_of({"train", "valid", "all"}));
}

}  // namespace tessera::cli
