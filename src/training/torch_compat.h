// What differs between LibTorch 1.13 (Debian 12) and 2.x (Debian 13, PyTorch's wheels).
#pragma once

#include <ATen/autocast_mode.h>
#include <torch/torch.h>
#include <torch/version.h>

namespace tessera {

/// True from 2.4 on, where autocast is asked about a device and no longer by name.
#define TESSERA_AUTOCAST_BY_DEVICE \
  (TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 4))

inline bool autocast_enabled(torch::DeviceType device) {
#if TESSERA_AUTOCAST_BY_DEVICE
  return at::autocast::is_autocast_enabled(device);
#else
  return device == torch::kCPU ? at::autocast::is_cpu_enabled() : at::autocast::is_enabled();
#endif
}

inline void set_autocast_enabled(torch::DeviceType device, bool enabled) {
#if TESSERA_AUTOCAST_BY_DEVICE
  at::autocast::set_autocast_enabled(device, enabled);
#else
  device == torch::kCPU ? at::autocast::set_cpu_enabled(enabled)
                        : at::autocast::set_enabled(enabled);
#endif
}

inline void set_autocast_type(torch::DeviceType device, torch::ScalarType type) {
#if TESSERA_AUTOCAST_BY_DEVICE
  at::autocast::set_autocast_dtype(device, type);
#else
  device == torch::kCPU ? at::autocast::set_autocast_cpu_dtype(type)
                        : at::autocast::set_autocast_gpu_dtype(type);
#endif
}

}  // namespace tessera
