#pragma once

#include "base/error.h"

namespace tessera {

/// Training has gone wrong. run_training goes back to the last good checkpoint if the trainer knows
/// a remedy; otherwise this ends the run as any Error does.
class Diverged : public Error {
 public:
  explicit Diverged(const std::string& cause) : Error("training has diverged: " + cause) {}
};

}  // namespace tessera
