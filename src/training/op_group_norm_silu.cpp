#include "training/op_group_norm_silu.h"

#include <ATen/Parallel.h>

#include <vector>

#include "base/error.h"
#include "kernels/group_norm.h"
#include "training/torch_compat.h"

namespace tessera {
namespace {

using kernels::Bf16;
using kernels::Block;

constexpr std::int64_t kBlockValues =
    1 << 16;  // 256 KB of float32: a block stays in the second cache level

// Channels-last data as samples of rows, cut into blocks whose bounds depend on the shape alone, so
// that sums are added in the same order whatever the number of threads.
struct Plan {
  std::int64_t samples, rows, channels, groups;
  double epsilon;
  bool silu;

  std::int64_t block_rows() const { return std::max<std::int64_t>(1, kBlockValues / channels); }
  std::int64_t blocks() const { return (rows + block_rows() - 1) / block_rows(); }
  std::int64_t group_width() const { return channels / groups; }
  Block block(std::int64_t index) const {
    const auto count = std::min(block_rows(), rows - index * block_rows());
    return {static_cast<std::size_t>(count), static_cast<std::size_t>(channels)};
  }

  /// Calls body(block, sample, index of its [channels] row of sums, offset of its data) for every
  /// block, in threads.
  template <typename Body>
  void for_each_block(const Body& body) const {
    at::parallel_for(0, samples * blocks(), 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t at = begin; at < end; ++at) {
        const auto sample = at / blocks(), index = at % blocks();
        body(block(index), sample, at, (sample * rows + index * block_rows()) * channels);
      }
    });
  }
};

template <typename T>
T* data(const torch::Tensor& tensor) {
  return static_cast<T*>(tensor.data_ptr());
}

// Calls body with a null pointer of x's element type.
template <typename Body>
void for_element_type(const torch::Tensor& x, const Body& body) {
  x.scalar_type() == torch::kBFloat16 ? body(static_cast<Bf16*>(nullptr))
                                      : body(static_cast<float*>(nullptr));
}

/// Rows "mean", "inverse", "scale", "offset" of ChannelMaps for every sample.
class Maps {
 public:
  Maps(const Plan& plan, const torch::Tensor& statistics, const torch::Tensor& weight,
       const torch::Tensor& bias)
      : channels_(plan.channels),
        values_(static_cast<std::size_t>(plan.samples * 4 * plan.channels)) {
    const auto* group = statistics.data_ptr<float>();  // [B, 2, groups]
    for (std::int64_t sample = 0; sample < plan.samples; ++sample, group += 2 * plan.groups)
      for (std::int64_t c = 0; c < channels_; ++c) {
        const float mean = group[c / plan.group_width()];
        const float inverse = group[plan.groups + c / plan.group_width()];
        const float scale = inverse * weight.data_ptr<float>()[c];
        row(sample, 0)[c] = mean;
        row(sample, 1)[c] = inverse;
        row(sample, 2)[c] = scale;
        row(sample, 3)[c] = bias.data_ptr<float>()[c] - mean * scale;
      }
  }
  kernels::ChannelMaps of(std::int64_t sample) {
    return {row(sample, 0), row(sample, 1), row(sample, 2), row(sample, 3)};
  }

 private:
  float* row(std::int64_t sample, std::int64_t kind) {
    return values_.data() + (sample * 4 + kind) * channels_;
  }
  std::int64_t channels_;
  std::vector<float> values_;
};

torch::Tensor measure(const Plan& plan, const torch::Tensor& x) {
  const auto blocks = plan.blocks();
  std::vector<float> means(static_cast<std::size_t>(plan.samples * blocks * plan.channels));
  std::vector<float> squares(means.size());
  for_element_type(x, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    plan.for_each_block([&](Block block, auto, auto sums, auto at) {
      kernels::channel_moments(block, data<T>(x) + at, means.data() + sums * plan.channels,
                               squares.data() + sums * plan.channels);
    });
  });
  std::vector<std::size_t> block_rows;
  for (std::int64_t index = 0; index < blocks; ++index)
    block_rows.push_back(plan.block(index).rows);
  auto statistics = torch::empty({plan.samples, 2, plan.groups}, torch::kFloat32);
  at::parallel_for(0, plan.samples, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t sample = begin; sample < end; ++sample) {
      const auto first = sample * blocks * plan.channels;
      float* to = data<float>(statistics) + sample * 2 * plan.groups;
      kernels::group_statistics(blocks, block_rows.data(), plan.channels, plan.groups, plan.epsilon,
                                means.data() + first, squares.data() + first, to, to + plan.groups);
    }
  });
  return statistics;
}

torch::Tensor forward_on_cpu(const Plan& plan, const torch::Tensor& x,
                             const torch::Tensor& statistics, const torch::Tensor& weight,
                             const torch::Tensor& bias) {
  Maps maps(plan, statistics, weight, bias);
  auto y = torch::empty_like(x);
  for_element_type(x, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    plan.for_each_block([&](Block block, auto sample, auto, auto at) {
      kernels::normalise(block, maps.of(sample), plan.silu, data<T>(x) + at, data<T>(y) + at);
    });
  });
  return y;
}

/// Gradients of x, weight and bias.
std::array<torch::Tensor, 3> backward_on_cpu(const Plan& plan, const torch::Tensor& x,
                                             const torch::Tensor& statistics,
                                             const torch::Tensor& weight, const torch::Tensor& bias,
                                             const torch::Tensor& dy) {
  Maps maps(plan, statistics, weight, bias);
  const auto blocks = plan.blocks(), channels = plan.channels, width = plan.group_width();
  auto sums = torch::empty({2, plan.samples, blocks, channels}, torch::kFloat32);
  auto dx = torch::empty_like(x);
  torch::Tensor per_sample, corrections;
  for_element_type(x, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    float* bias_sums = data<float>(sums);
    float* weight_sums = bias_sums + sums.stride(0);
    plan.for_each_block([&](Block block, auto sample, auto row, auto at) {
      kernels::normalise_sums(block, maps.of(sample), plan.silu, data<T>(x) + at, data<T>(dy) + at,
                              bias_sums + row * channels, weight_sums + row * channels);
    });
    per_sample = sums.to(torch::kFloat64).sum(2);                // [2, B, C]
    const auto inverse = statistics.select(1, 1).unsqueeze(-1);  // [B, groups, 1]
    corrections = ((per_sample * weight).view({2, plan.samples, plan.groups, width}).sum(-1, true) *
                   inverse / static_cast<double>(plan.rows * width))
                      .to(torch::kFloat32)
                      .expand({2, plan.samples, plan.groups, width})
                      .contiguous();  // the parts of dx along 1 and along xhat
    const float* shift = data<float>(corrections);
    const float* slope = shift + corrections.stride(0);
    plan.for_each_block([&](Block block, auto sample, auto, auto at) {
      kernels::normalise_gradient(block, maps.of(sample), plan.silu, shift + sample * channels,
                                  slope + sample * channels, data<T>(x) + at, data<T>(dy) + at,
                                  data<T>(dx) + at);
    });
  });
  const auto weights = per_sample.sum(1).to(torch::kFloat32);  // [2, C]
  return {dx, weights[1].clone(), weights[0].clone()};
}

class GroupNormSilu : public torch::autograd::Function<GroupNormSilu> {
 public:
  static torch::Tensor forward(torch::autograd::AutogradContext* context,
                               const torch::Tensor& input, const torch::Tensor& weight,
                               const torch::Tensor& bias, std::int64_t groups, double epsilon,
                               bool silu) {
    const auto x = input.contiguous(torch::MemoryFormat::ChannelsLast);
    const auto statistics = measure(plan_of(x, groups, epsilon, silu), x);
    context->save_for_backward({x, weight, bias, statistics});
    context->saved_data["groups"] = groups;
    context->saved_data["silu"] = silu;
    return forward_on_cpu(plan_of(x, groups, epsilon, silu), x, statistics, weight, bias);
  }

  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context,
                                               torch::autograd::tensor_list gradients) {
    const auto saved = context->get_saved_variables();
    const auto plan = plan_of(saved[0], context->saved_data["groups"].toInt(), 0,
                              context->saved_data["silu"].toBool());
    const auto dy =
        gradients[0].to(saved[0].scalar_type()).contiguous(torch::MemoryFormat::ChannelsLast);
    const auto [dx, weight, bias] =
        backward_on_cpu(plan, saved[0], saved[3], saved[1], saved[2], dy);
    return {dx, weight, bias, torch::Tensor(), torch::Tensor(), torch::Tensor()};
  }

 private:
  static Plan plan_of(const torch::Tensor& x, std::int64_t groups, double epsilon, bool silu) {
    return {x.size(0), x.size(2) * x.size(3), x.size(1), groups, epsilon, silu};
  }
};

class AutocastOff {
 public:
  AutocastOff() : cpu_(autocast_enabled(torch::kCPU)), cuda_(autocast_enabled(torch::kCUDA)) {
    set_autocast_enabled(torch::kCPU, false);
    set_autocast_enabled(torch::kCUDA, false);
  }
  ~AutocastOff() {
    set_autocast_enabled(torch::kCPU, cpu_);
    set_autocast_enabled(torch::kCUDA, cuda_);
  }
  AutocastOff(const AutocastOff&) = delete;
  AutocastOff& operator=(const AutocastOff&) = delete;

 private:
  bool cpu_, cuda_;
};

torch::Tensor in_plain_torch(const torch::Tensor& x, const torch::Tensor& weight,
                             const torch::Tensor& bias, int groups, double epsilon, bool silu) {
  const auto wide = x.scalar_type() == torch::kFloat64 ? x : x.to(torch::kFloat32);
  auto y = torch::group_norm(wide.contiguous(), groups, weight, bias, epsilon);
  if (silu) y = torch::silu(y);
  return y.to(x.scalar_type());
}

}  // namespace

torch::Tensor group_norm_silu(const torch::Tensor& x, const torch::Tensor& weight,
                              const torch::Tensor& bias, int groups, double epsilon, bool silu) {
  TESSERA_CHECK(x.dim() == 4 && groups > 0 && x.size(1) % groups == 0);
  TESSERA_CHECK(weight.numel() == x.size(1) && bias.numel() == x.size(1));
  AutocastOff off;
  const bool fused = x.is_cpu() && x.numel() > 0 && weight.scalar_type() == torch::kFloat32 &&
                     (x.scalar_type() == torch::kFloat32 || x.scalar_type() == torch::kBFloat16);
  return fused ? GroupNormSilu::apply(x, weight, bias, groups, epsilon, silu)
               : in_plain_torch(x, weight, bias, groups, epsilon, silu);
}

}  // namespace tessera
