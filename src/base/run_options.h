#pragma once

#include <cstdint>
#include <string>

namespace tessera {

/// What every command takes.
struct RunOptions {
  int threads = 0;             ///< 0 is all cores
  std::uint64_t seed = 0;      ///< fixes every random number of the run
  bool quiet = false;          ///< no progress, no notes; errors still show
  std::string device = "cpu";  ///< "cpu" or "cuda"; training, encoding and evaluation only
  std::string json;  ///< where results go: a path, "-" is standard output, empty is nowhere
};

}  // namespace tessera
