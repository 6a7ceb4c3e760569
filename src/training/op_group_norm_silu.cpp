#include "training/op_group_norm_silu.h"

#include <ATen/autocast_mode.h>

namespace tessera {
namespace {

class AutocastOff {
 public:
  AutocastOff() : cpu_(at::autocast::is_cpu_enabled()), cuda_(at::autocast::is_enabled()) {
    at::autocast::set_cpu_enabled(false);
    at::autocast::set_enabled(false);
  }
  ~AutocastOff() {
    at::autocast::set_cpu_enabled(cpu_);
    at::autocast::set_enabled(cuda_);
  }
  AutocastOff(const AutocastOff&) = delete;
  AutocastOff& operator=(const AutocastOff&) = delete;

 private:
  bool cpu_, cuda_;
};

}  // namespace

torch::Tensor group_norm_silu(const torch::Tensor& x, const torch::Tensor& weight,
                              const torch::Tensor& bias, int groups, double epsilon, bool silu) {
  AutocastOff off;
  auto y = torch::group_norm(x.to(torch::kFloat32).contiguous(), groups, weight, bias, epsilon);
  if (silu) y = torch::silu(y);
  y = y.to(x.scalar_type());
  return y.dim() == 4 ? y.contiguous(torch::MemoryFormat::ChannelsLast) : y;
}

}  // namespace tessera
