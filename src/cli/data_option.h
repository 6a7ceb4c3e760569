#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace tessera::cli {

/// --data, and --image-key and --label-key, which become items of it: "image-key=K" (see
/// open_images). `what` says what the images are for. Returns --data.
CLI::Option* add_data_option(CLI::App* command, std::vector<std::string>& data,
                             const std::string& what);

/// What --help says of data sets besides their use.
std::string data_kinds();

}  // namespace tessera::cli
