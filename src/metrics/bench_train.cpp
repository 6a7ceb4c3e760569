#include "metrics/bench_train.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>

#include "base/available_memory.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "base/machine.h"
#include "base/progress.h"
#include "base/version.h"
#include "generator/flops.h"
#include "generator/model.h"
#include "tokenizer/activation_memory.h"
#include "tokenizer/causal_regularizer.h"
#include "tokenizer/flops.h"
#include "tokenizer/vq_model.h"
#include "training/adamw.h"
#include "training/device.h"
#include "training/op_cross_entropy.h"

namespace tessera {
namespace {

constexpr int kWarmUpSteps = 2;
constexpr int kProductSize = 2048;

/// What is measured: a model, its loss on a fixed random batch, and what a step is worth.
struct Subject {
  std::shared_ptr<torch::nn::Module> model;
  std::function<torch::Tensor()> loss;
  Precision precision;
  int batch;
  double flops_per_item;  // of a training step
};

double seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Refuses a batch whose inputs and outputs alone fill the memory.
void check_tokenizer_memory(const Recipe& recipe, int batch, const torch::Device& device) {
  if (device.is_cpu())
    require_activation_memory(recipe.tokenizer, recipe.data.image_size, batch,
                              "--batch is " + std::to_string(batch));
}

void check_generator_memory(const GeneratorConfig& config, const GeneratorShape& shape, int batch,
                            const torch::Device& device) {
  constexpr double kBytes = 2;  // of bf16; logits, and what each layer leaves for its gradient
  if (device.is_cpu())
    require_memory(kBytes * batch * shape.positions() *
                       (static_cast<double>(shape.vocabulary) + config.layers * config.dim),
                   "--batch is " + std::to_string(batch) + ": a step");
}

Subject tokenizer_subject(const Recipe& recipe, int batch, const torch::Device& device) {
  check_tokenizer_memory(recipe, batch, device);
  auto model = std::make_shared<torch::nn::Module>();
  const auto tokenizer = model->register_module("tokenizer", VqModel(recipe.tokenizer));
  const auto regularizer =
      model->register_module("regularizer", CausalRegularizer(recipe, /*seed=*/0));
  const auto side = recipe.data.image_size;
  const auto images = torch::rand({batch, 3, side, side}, device)
                          .mul_(2)
                          .sub_(1)
                          .contiguous(torch::MemoryFormat::ChannelsLast);
  const auto loss = [=]() mutable {
    const auto coded = tokenizer->encode(images);
    const auto error = tokenizer->decode(coded.quantized) - images;
    auto total = error.abs().mean() + error.square().mean();
    const Autocast exact(false, images.device());
    total = total + tokenizer->quantizer()->codebook_loss(coded) +
            tokenizer->quantizer()->commitment_loss(coded);
    const auto& training = recipe.tokenizer_training;
    if (training.entropy_weight > 0)
      total = total + training.entropy_weight *
                          tokenizer->quantizer()->entropy_loss(coded, training.entropy_temperature);
    if (recipe.regularizer.on())
      total = total + regularizer->forward(coded, recipe.regularizer.weight);
    return total;
  };
  return {model, loss, recipe.tokenizer_training.precision, batch, tokenizer_flops(recipe).step()};
}

Subject generator_subject(const GeneratorConfig& config, const GeneratorTrainingConfig& training,
                          const GeneratorShape& shape, int batch, const torch::Device& device) {
  check_generator_memory(config, shape, batch, device);
  auto model = std::make_shared<torch::nn::Module>();
  auto transformer = model->register_module(
      "transformer", Transformer(config, shape,
                                 Dropouts{.token = training.token_dropout,
                                          .residual = training.residual_dropout,
                                          .ffn = training.ffn_dropout,
                                          .path = training.drop_path}));
  transformer->recompute_blocks(training.checkpoint_activations);
  const auto integers = torch::TensorOptions(torch::kInt64).device(device);
  const auto codes = torch::randint(shape.vocabulary, {batch, shape.positions()}, integers);
  const auto classes = torch::randint(shape.classes, {batch}, integers);
  const auto loss = [=]() mutable {
    return cross_entropy(transformer->forward(classes, codes).flatten(0, 1), codes.flatten())
        .mean();
  };
  return {model, loss, training.precision, batch, 3 * forward_flops(config, shape).total()};
}

Subject make_subject(const TrainBenchOptions& options, const torch::Device& device) {
  const auto batch = [&](int own) { return options.batch > 0 ? options.batch : own; };
  if (options.shape == "vq16-256") {
    Recipe recipe;  // its defaults are VQ-16's
    recipe.data.image_size = 256;
    return tokenizer_subject(recipe, batch(2), device);
  }
  if (options.shape == "generator-b") {
    GeneratorConfig config;
    apply_preset(config, "B");
    const GeneratorShape shape{
        .vocabulary = 16384, .classes = 1000, .grid_rows = 16, .grid_columns = 16};
    return generator_subject(config, {}, shape, batch(8), device);
  }
  const auto recipe = load_recipe(options.shape);
  if (options.stage == "tokenizer")
    return tokenizer_subject(recipe, batch(recipe.tokenizer_training.batch_size), device);
  const GeneratorShape shape{.vocabulary = recipe.tokenizer.codebook_size,
                             .classes = 10,
                             .grid_rows = recipe.grid(),
                             .grid_columns = recipe.grid()};
  return generator_subject(recipe.generator, recipe.generator_training, shape,
                           batch(recipe.generator_training.batch_size), device);
}

/// Loss after one training step. The learning rate is tiny: what is measured is time.
double train_step(Subject& subject, AdamW& optimizer, bool bf16, const torch::Device& device) {
  optimizer.zero_gradients();
  torch::Tensor loss;
  {
    const Autocast autocast(bf16, device);
    loss = subject.loss();
  }
  loss.backward();
  optimizer.clip_gradients(1);
  optimizer.step(1e-4);
  return loss.item<double>();
}

void check_training(const Subject& subject, double loss) {
  if (!std::isfinite(loss))
    throw Error("the loss is " + std::to_string(loss) + ", expected a number");
  for (const auto& item : subject.model->named_parameters()) {
    const auto gradient = item.value().grad();
    if (gradient.defined() && gradient.dim() >= 2 &&
        gradient.count_nonzero().item<std::int64_t>() == 0)
      throw Error("the gradient of " + item.key() +
                  " is zero, expected a training step to change it");
  }
}

/// Operations per second of a square matrix product, the best of ten: what this machine can do now.
double matrix_product_speed(bool bf16, const torch::Device& device) {
  const auto type = bf16 ? torch::kBFloat16 : torch::kFloat32;
  const auto a = torch::randn({kProductSize, kProductSize}, device).to(type);
  const auto b = torch::randn({kProductSize, kProductSize}, device).to(type);
  double best = HUGE_VAL;
  for (int run = 0; run < 10; ++run)
    best = std::min(best, seconds_of([&] { torch::mm(a, b).sum().item<float>(); }));
  return 2 * std::pow(kProductSize, 3) / best;
}

}  // namespace

nlohmann::json bench_train(const TrainBenchOptions& options) {
  const auto device = open_device(options);
  torch::manual_seed(options.seed);
  auto subject = make_subject(options, device);
  subject.model->to(device);
  subject.model->train();
  const bool bf16 = uses_bf16(subject.precision, device);
  AdamW optimizer(*subject.model, {});
  double loss = 0;
  for (int step = 0; step < kWarmUpSteps; ++step)
    loss = train_step(subject, optimizer, bf16, device);
  check_training(subject, loss);

  const double peak_before = matrix_product_speed(bf16, device);
  std::vector<double> seconds;
  Progress progress("bench train", options.steps, options.quiet, "items", subject.batch);
  for (int step = 0; step < options.steps; ++step) {
    stop_if_interrupted();
    seconds.push_back(seconds_of([&] { train_step(subject, optimizer, bf16, device); }));
    progress.update(step + 1);
  }
  progress.finish();
  const double peak = std::max(peak_before, matrix_product_speed(bf16, device));
  std::sort(seconds.begin(), seconds.end());
  const double median = seconds[seconds.size() / 2];
  const double speed = subject.flops_per_item * subject.batch / median;
  return {{"shape", options.shape},
          {"batch", subject.batch},
          {"steps", options.steps},
          {"steps_per_second", 1 / median},
          {"seconds_per_step",
           {{"median", median}, {"fastest", seconds.front()}, {"slowest", seconds.back()}}},
          {"flops_per_step", subject.flops_per_item * subject.batch},
          {"flops_per_second", speed},
          {"peak_flops_per_second", peak},
          {"share", speed / peak},
          {"peak_rss_bytes", peak_resident_bytes()},
          {"loss", loss},
          {"parameters", parameter_count(*subject.model)},
          {"precision", bf16 ? "bf16" : "float32"},
          {"threads", torch::get_num_threads()},
          {"processor", processor_name()},
          {"seed", options.seed},
          {"data", "random"},
          {"made_by", made_by(options.seed)}};
}

}  // namespace tessera
