#include "training/recompute.h"

#include <ATen/Context.h>

#include <mutex>

#include "base/error.h"
#include "training/device.h"
#include "training/torch_compat.h"

namespace tessera {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using Function = std::function<torch::Tensor(const torch::Tensor&)>;

struct Body : torch::CustomClassHolder {
  explicit Body(Function run_) : run(std::move(run_)) {}
  Function run;
};

/// The generators that a body on `device` may draw from: the CPU's always (seeds of fused dropout
/// come from there), and the device's own.
std::vector<at::Generator> generators(const torch::Device& device) {
  std::vector<at::Generator> all = {at::globalContext().defaultGenerator(torch::kCPU)};
  if (!device.is_cpu()) all.push_back(at::globalContext().defaultGenerator(device));
  return all;
}

std::vector<torch::Tensor> random_states(const torch::Device& device) {
  std::vector<torch::Tensor> states;
  for (auto& generator : generators(device)) {
    const std::lock_guard lock(generator.mutex());
    states.push_back(generator.get_state());
  }
  return states;
}

void set_random_states(const torch::Device& device, const std::vector<torch::Tensor>& states) {
  for (std::size_t i = 0; auto& generator : generators(device)) {
    const std::lock_guard lock(generator.mutex());
    generator.set_state(states[i++]);
  }
}

/// Goes back to earlier random numbers, and at the end on from where they were.
class RewoundRandom {
 public:
  RewoundRandom(const torch::Device& device, const std::vector<torch::Tensor>& states)
      : device_(device), now_(random_states(device)) {
    set_random_states(device, states);
  }
  ~RewoundRandom() { set_random_states(device_, now_); }
  RewoundRandom(const RewoundRandom&) = delete;
  RewoundRandom& operator=(const RewoundRandom&) = delete;

 private:
  torch::Device device_;
  std::vector<torch::Tensor> now_;
};

class Recompute : public torch::autograd::Function<Recompute> {
 public:
  // `inputs` are x and the parameters.
  static torch::Tensor forward(AutogradContext* context, const c10::intrusive_ptr<Body>& body,
                               const at::TensorList& inputs) {
    const auto device = inputs[0].device();
    context->save_for_backward(inputs.vec());
    context->saved_data["body"] = at::IValue::make_capsule(body);
    context->saved_data["autocast"] = autocast_enabled(device.type());
    context->saved_data["random"] = random_states(device);
    // Of its own, so that its casts of the weights, which know no gradient, are not used later.
    const Autocast same(autocast_enabled(device.type()), device);
    return body->run(inputs[0]);
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    auto inputs = context->get_saved_variables();
    const auto body =
        c10::static_intrusive_pointer_cast<Body>(context->saved_data["body"].toCapsule());
    const auto device = inputs[0].device();
    const bool needs_x = inputs[0].requires_grad();
    inputs[0] = inputs[0].detach().requires_grad_(needs_x);
    torch::Tensor y;
    {
      const RewoundRandom rewound(device, context->saved_data["random"].toTensorVector());
      const Autocast autocast(context->saved_data["autocast"].toBool(), device);
      const torch::AutoGradMode grad(true);
      y = body->run(inputs[0]);
    }
    return gradients_of(y, inputs, gradients[0]);
  }

 private:
  // The body's own gradient is no input; those that need no gradient get none.
  static variable_list gradients_of(const torch::Tensor& y, const variable_list& inputs,
                                    const torch::Tensor& dy) {
    variable_list asked;
    for (const auto& input : inputs)
      if (input.requires_grad()) asked.push_back(input);
    const auto found = torch::autograd::grad({y}, asked, {dy}, /*retain_graph=*/false,
                                             /*create_graph=*/false, /*allow_unused=*/true);
    variable_list all = {torch::Tensor()};
    for (std::size_t next = 0; const auto& input : inputs)
      all.push_back(input.requires_grad() ? found[next++] : torch::Tensor());
    return all;
  }
};

}  // namespace

torch::Tensor recompute(const std::function<torch::Tensor(const torch::Tensor&)>& body,
                        const torch::Tensor& x, const std::vector<torch::Tensor>& parameters) {
  if (!torch::GradMode::is_enabled()) return body(x);
  variable_list inputs = {x};
  inputs.insert(inputs.end(), parameters.begin(), parameters.end());
  const at::TensorList list(inputs);
  return Recompute::apply(c10::make_intrusive<Body>(body), list);
}

}  // namespace tessera
