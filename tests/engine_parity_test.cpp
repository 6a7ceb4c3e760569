// The engine against the LibTorch model that specifies it.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include "base/testing.h"
#include "engine/token_sampler.h"
#include "generator/sampler.h"
#include "kernels/instruction_set.h"
#include "recipe/guidance.h"
#include "training/model_folder.h"

namespace tessera {
namespace {

using kernels::CacheType;
using kernels::WeightType;

struct ParityCase {
  bool qk_norm;
  int grid_rows, grid_columns;
};

// Largest difference of float32 logits over the largest logit.
constexpr double kFloat32Bound = 2e-5;

class EngineParity : public testing::TestWithParam<ParityCase> {
 protected:
  void SetUp() override {
    ::setenv("TESSERA_CACHE", "", 1);
    torch::manual_seed(1);
    recipe_.generator = {
        .layers = 3, .heads = 4, .dim = 128, .ffn_multiple = 48, .qk_norm = GetParam().qk_norm};
    recipe_.generator_training.precision = Precision::float32;
    Transformer model(recipe_.generator, shape_);
    torch::NoGradGuard no_grad;
    for (auto& parameter : model->parameters())
      if (parameter.dim() == 2)
        parameter.normal_(0, 1 / std::sqrt(static_cast<double>(parameter.size(1))));
    write_model_folder(folder_ / "generator",
                       {.kind = "generator",
                        .recipe = recipe_,
                        .class_names = {"a", "b", "c"},
                        .data = "none",
                        .made_by = {{"seed", 1}},
                        .extra = {{"vocabulary", shape_.vocabulary},
                                  {"grid", {shape_.grid_rows, shape_.grid_columns}},
                                  {"tokenizer", std::string(64, '0')}}},
                       tensors_of(*model));
    torch_.emplace(Generator::load(folder_ / "generator", torch::kCPU));
  }
  void TearDown() override {
    kernels::use_instruction_set(kernels::instruction_sets().back());
    ::unsetenv("TESSERA_CACHE");
  }

  // Teacher-forced logits [T, V] of one sequence.
  torch::Tensor engine_logits(const GeneratorWeights& weights, CacheType cache, int label,
                              const torch::Tensor& tokens) {
    TokenTransformer transformer(weights, cache, 1, pool_);
    AlignedBuffer own(transformer.cache_bytes());
    auto logits = torch::empty({shape_.positions(), shape_.vocabulary});
    for (int t = 0; t < shape_.positions(); ++t) {
      const int input = t == 0 ? label : tokens[t - 1].item<int>();
      const SequenceStep step{input, static_cast<std::size_t>(t), own.data()};
      transformer.step({&step, 1}, logits[t].data_ptr<float>());
    }
    return logits;
  }
  torch::Tensor torch_logits(int label, const torch::Tensor& tokens) {
    torch::NoGradGuard no_grad;
    return torch_->model()->forward(torch::tensor({label}, torch::kInt64), tokens.unsqueeze(0))[0];
  }
  // Whether rounding may decide: whether the token that follows the first `position` of `tokens`
  // becomes `other` when LibTorch's logits move by the error that LogitsOfEveryStep allows.
  bool near_tie(const SampleRequest& request, std::size_t image, const torch::Tensor& tokens,
                std::int64_t position, std::int64_t other) {
    torch::NoGradGuard no_grad;
    const auto classes = torch::tensor({request.labels[image], std::int64_t{shape_.classes}});
    const auto both = torch_->model()
                          ->forward(classes, torch::stack({tokens, tokens}))
                          .select(1, position);  // [2, V]
    const double scale = parse_guidance_schedule(request.cfg_schedule, "cfg_schedule")
                             .scale(request.cfg, static_cast<int>(position), shape_.positions());
    const auto logits = torch::lerp(both[1], both[0], scale);
    const double error = kFloat32Bound * both.abs().max().item<double>() * (2 * scale - 1);
    Rng random(mix({request.seed, image}));
    for (std::int64_t drawn = 0; drawn < position; ++drawn) random.uniform();
    const double uniform = random.uniform();
    TokenPicker picker;
    for (int trial = 0; trial < 2000; ++trial) {
      const auto moved = (logits + error * (2 * torch::rand_like(logits) - 1)).contiguous();
      if (picker.pick({moved.data_ptr<float>(), static_cast<std::size_t>(moved.numel())}, request,
                      uniform) == other)
        return true;
    }
    return false;
  }
  static double relative_error(const torch::Tensor& found, const torch::Tensor& expected) {
    return ((found - expected).abs().max() / expected.abs().max()).item<double>();
  }

  static double rms_error(const torch::Tensor& found, const torch::Tensor& expected) {
    return ((found - expected).norm() / expected.norm()).item<double>();
  }

  TemporaryFolder folder_;
  ThreadPool pool_{2};
  Recipe recipe_;
  GeneratorShape shape_{.vocabulary = 300,
                        .classes = 3,
                        .grid_rows = GetParam().grid_rows,
                        .grid_columns = GetParam().grid_columns};
  std::optional<Generator> torch_;
};

TEST_P(EngineParity, LogitsOfEveryStep) {
  const auto tokens = torch::randint(shape_.vocabulary, {shape_.positions()}, torch::kInt64);
  const auto expected = torch_logits(2, tokens);
  // Largest difference over the largest logit. bf16 rounds weights, activations, keys and values by
  // 2^-9 each, several times a layer.
  for (const auto& [type, cache, bound] :
       {std::tuple{WeightType::float32, CacheType::float32, kFloat32Bound},
        {WeightType::bf16, CacheType::bf16, 2e-2}}) {
    const auto weights = GeneratorWeights::open(folder_ / "generator", type, pool_);
    for (const auto set : kernels::instruction_sets()) {
      kernels::use_instruction_set(set);
      EXPECT_LT(relative_error(engine_logits(weights, cache, 2, tokens), expected), bound)
          << name_of(type) << " on " << kernels::name_of(set);
    }
  }
}

// Random weights hold nothing that rounding could spare. A group of 64 normal numbers in eight bits
// is off by 0.8% of their deviation, one of 32 in four by 8%; in fifteen products one after
// another, weights and activations, that is 0.8% sqrt(30) = 4%, or 8% sqrt(15) = 31%.
TEST_P(EngineParity, QuantizedLogits) {
  const auto tokens = torch::randint(shape_.vocabulary, {shape_.positions()}, torch::kInt64);
  const auto expected = torch_logits(1, tokens);
  for (const auto& [type, bound] : {std::pair{WeightType::int8, 0.06}, {WeightType::int4, 0.4}}) {
    const auto weights = GeneratorWeights::open(folder_ / "generator", type, pool_);
    for (const auto set : kernels::instruction_sets()) {
      kernels::use_instruction_set(set);
      EXPECT_LT(rms_error(engine_logits(weights, CacheType::int8, 1, tokens), expected), bound)
          << name_of(type) << " on " << kernels::name_of(set);
    }
  }
}

// Both use the same random numbers, so tokens first differ where rounding of the logits decides
// between two, if anywhere.
TEST_P(EngineParity, TokensOfWholeImages) {
  const auto weights = GeneratorWeights::open(folder_ / "generator", WeightType::float32, pool_);
  TokenTransformer transformer(weights, CacheType::float32, 6, pool_);
  for (const double temperature : {0.0, 1.0}) {
    SampleRequest request;
    request.cfg = 1.75;
    request.cfg_schedule = "interval:0.1:0.8";
    request.temperature = temperature;
    request.top_k = 100;
    request.labels = {0, 1, 2};
    request.seed = 5;
    const auto expected = sample_tokens(*torch_, request);
    std::map<std::size_t, std::vector<std::int32_t>> found;
    TokenSampler sampler(transformer, {.token = {}, .image = [&](std::size_t id, auto tokens) {
                                         found[id] = std::move(tokens);
                                       }});
    for (std::size_t image = 0; image < 3; ++image)
      sampler.add(image, {.label = static_cast<std::int32_t>(image),
                          .seed = mix({request.seed, image}),
                          .sampling = request,
                          .kept = {}});
    while (sampler.step() > 0) {
    }
    for (std::size_t image = 0; image < 3; ++image) {
      const auto tokens = expected[static_cast<std::int64_t>(image)];
      const auto of_engine = torch::tensor(found.at(image), torch::kInt32).to(torch::kInt64);
      const auto different = (of_engine != tokens).nonzero();
      if (different.numel() == 0) continue;
      const auto first = different[0].item<std::int64_t>();
      EXPECT_TRUE(near_tie(request, image, tokens, first, of_engine[first].item<std::int64_t>()))
          << "image " << image << " at temperature " << temperature << ", token " << first;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(WithAndWithoutQkNorm, EngineParity,
                         testing::Values(ParityCase{true, 8, 9}, ParityCase{false, 8, 9},
                                         ParityCase{true, 32, 32}));

}  // namespace
}  // namespace tessera
