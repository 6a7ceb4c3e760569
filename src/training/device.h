// training/ is what both trainers share: device, optimizer, schedule, the resumable loop, model
// folders, fused operations.
#pragma once

#include <torch/torch.h>

#include "base/run_options.h"
#include "dataset/loader.h"
#include "recipe/tokenizer_config.h"

namespace tessera {

/// Applies --threads and --device. Throws Error when there is no such device.
torch::Device open_device(const RunOptions& options);

/// Whether to run convolutions and matrix products in bf16: as asked, or (auto) where the hardware
/// has bf16 dot products.
bool uses_bf16(Precision precision, const torch::Device& device);

/// While it lives, convolutions and matrix products run in bf16 (if `on`).
class Autocast {
 public:
  Autocast(bool on, const torch::Device& device);
  ~Autocast();
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;

 private:
  torch::DeviceType device_;
  bool was_on_;
};

/// [B, 3, H, W] float32 in channels-last memory on `device`.
torch::Tensor image_tensor(const ImageBatch& batch, const torch::Device& device);

/// [B] int64 on `device`.
torch::Tensor label_tensor(const ImageBatch& batch, const torch::Device& device);

}  // namespace tessera
