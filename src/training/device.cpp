#include "training/device.h"

#include <malloc.h>

#include <thread>

#include "base/error.h"
#include "training/torch_compat.h"

namespace tessera {
namespace {

// glibc gives large blocks back to the kernel after each use; a training step would fault them in
// again.
void keep_freed_memory() {
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
}

}  // namespace

torch::Device open_device(const RunOptions& options) {
  keep_freed_memory();
  const unsigned cores = std::max(1u, std::thread::hardware_concurrency());
  torch::set_num_threads(options.threads > 0 ? options.threads : static_cast<int>(cores));
  if (options.device == "cpu") return torch::kCPU;
  if (options.device == "cuda") {
    if (!torch::cuda::is_available())
      throw UsageError("--device cuda: this LibTorch finds no CUDA device, expected cpu");
    return torch::kCUDA;
  }
  throw UsageError("--device is '" + options.device + "', expected cpu or cuda");
}

bool uses_bf16(Precision precision, const torch::Device& device) {
  if (precision != Precision::automatic) return precision == Precision::bf16;
  if (device.is_cuda()) return true;
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512bf16");
#else
  return false;
#endif
}

Autocast::Autocast(bool on, const torch::Device& device)
    : device_(device.type()), was_on_(autocast_enabled(device_)) {
  set_autocast_type(device_, torch::kBFloat16);
  set_autocast_enabled(device_, on);
}

Autocast::~Autocast() {
  at::autocast::clear_cache();
  set_autocast_enabled(device_, was_on_);
}

torch::Tensor image_tensor(const ImageBatch& batch, const torch::Device& device) {
  const auto images = static_cast<std::int64_t>(batch.labels.size());
  auto pixels = torch::from_blob(const_cast<float*>(batch.pixels.data()),
                                 {images, batch.side, batch.side, 3}, torch::kFloat32);
  return pixels.permute({0, 3, 1, 2}).clone(at::MemoryFormat::Preserve).to(device);
}

torch::Tensor label_tensor(const ImageBatch& batch, const torch::Device& device) {
  return torch::tensor(batch.labels, torch::kInt64).to(device);
}

}  // namespace tessera
