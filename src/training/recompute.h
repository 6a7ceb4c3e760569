#pragma once

#include <torch/torch.h>

#include <functional>
#include <vector>

namespace tessera {

/// body(x), whose gradient costs a second run of `body` instead of the memory that the first run
/// would have kept (Chen et al., arXiv 1604.06174). The second run sees the random numbers and the
/// autocast state of the first, so the gradient is the same bit for bit.
///
/// `parameters` are all that `body` learns; `body` must do nothing but compute, and outlive the
/// caller's scope (capture modules by value). Can be differentiated once.
torch::Tensor recompute(const std::function<torch::Tensor(const torch::Tensor&)>& body,
                        const torch::Tensor& x, const std::vector<torch::Tensor>& parameters);

}  // namespace tessera
