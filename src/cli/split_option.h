#pragma once

#include <CLI/CLI.hpp>

#include "dataset/image_set.h"

namespace tessera::cli {

/// --split train|valid|all
inline void add_split_option(CLI::App* command, Split& split) {
  command->add_option("--split", split, "which part of the images: train, valid or all")
      ->transform(CLI::CheckedTransformer(std::map<std::string, Split>{
          {"train", Split::train}, {"valid", Split::valid}, {"all", Split::all}}));
}

}  // namespace tessera::cli
