#pragma once

#include "training/weights.h"

namespace tessera {

/// An exponential moving average of a module's parameters: average = d average + (1 - d) weights
/// after every step, where d = min(decay, (1 + n) / (10 + n)) after n steps, so that a short run is
/// not held back by the weights it began with. Buffers are copied. Decay 0 keeps no average.
class Ema {
 public:
  /// Begins at the module's weights. The module must outlive it and stay on its device.
  Ema(const torch::nn::Module& module, double decay);

  bool on() const { return decay_ > 0; }
  /// Takes in the weights as they are now; after each optimizer step.
  void update();
  /// Rows of a tensor that were placed, not learnt (a revived code), are copied.
  void place_rows(const std::string& name, const torch::Tensor& rows);

  /// The averages by the module's names; the module's own tensors when off.
  TensorMap tensors() const;
  /// The averages and how many steps they have seen; empty when off.
  TensorMap state() const;
  void load_state(const TensorMap& state, const std::string& where);

  /// While it lives, the module computes with the averages; nothing happens when off.
  class Applied {
   public:
    explicit Applied(Ema& ema) : ema_(ema) { ema_.swap(); }
    ~Applied() { ema_.swap(); }
    Applied(const Applied&) = delete;
    Applied& operator=(const Applied&) = delete;

   private:
    Ema& ema_;
  };

 private:
  struct Slot {
    std::string name;
    torch::Tensor own, average;  // the module's tensor and its average
    bool learnt;                 // a parameter; a buffer otherwise
  };
  void swap();
  double decay_now() const;

  double decay_;
  std::int64_t updates_ = 0;
  std::vector<Slot> slots_;
  TensorMap own_;  // what tensors() gives when off
};

}  // namespace tessera
