// Published checkpoints: what is imported computes what plain PyTorch code computed from the same
// file, and what is exported is what was imported. The files and answers in reference/golden come
// from reference/make_golden.py.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cmath>
#include <cstring>

#include "base/testing.h"
#include "formats/npy.h"
#include "formats/pytorch_writer.h"
#include "generator/sampler.h"
#include "import/export_model.h"
#include "import/gpt_layout.h"
#include "import/import_model.h"
#include "import/lpips_layout.h"
#include "import/vq_layout.h"
#include "tessera/engine.h"
#include "tokenizer/tokenizer.h"
#include "training/model_folder.h"

namespace tessera {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr double kTolerance = 1e-4;  // float32 with sums in another order

const fs::path kReference = TESSERA_REFERENCE, kGolden = kReference / "golden";

torch::Tensor golden(const std::string& name) {
  const auto file = NpyFile::open(kGolden / (name + ".npy"));
  const auto type = file.type() == DType::F32 ? torch::kFloat32 : torch::kInt32;
  auto tensor = torch::empty(file.shape(), type);
  std::memcpy(tensor.data_ptr(), file.bytes().data(), file.bytes().size());
  return type == torch::kInt32 ? tensor.to(torch::kInt64) : tensor;
}

// The largest difference by the largest value, which the report of the test also names.
double relative_error(const std::string& what, const torch::Tensor& found,
                      const torch::Tensor& expected) {
  EXPECT_EQ(found.sizes(), expected.sizes());
  const double error = ((found - expected).abs().max() / expected.abs().max()).item<double>();
  ::testing::Test::RecordProperty(what + "_error", nlohmann::json(error).dump());
  return error;
}

// A tensor of a checkpoint under another name, shape or with other values.
TensorToWrite as_it_is(const std::string& name, const StoredTensor& tensor) {
  return {name, DType::F32, tensor.shape, [&tensor](std::vector<float>& buffer) {
            buffer = float_values(tensor);
            return std::as_bytes(std::span(buffer));
          }};
}
TensorToWrite filled(const std::string& name, const Shape& shape, float value) {
  return {name, DType::F32, shape, [=](std::vector<float>& buffer) {
            buffer.assign(*bytes_needed(DType::F32, shape) / sizeof(float), value);
            return std::as_bytes(std::span(buffer));
          }};
}

class Import : public ::testing::Test {
 protected:
  ImportVqOptions vq_options(const fs::path& file, const std::string& out) {
    ImportVqOptions options;
    options.files = {file.string()};
    options.out = (folder_ / out).string();
    options.image_size = 32;
    return options;
  }
  ImportGptOptions gpt_options(const fs::path& file, const std::string& out) {
    ImportGptOptions options;
    options.files = {file.string()};
    options.out = (folder_ / out).string();
    options.tokenizer = (folder_ / "vq").string();
    options.grid = "4x4";
    options.heads = 4;
    return options;
  }
  void import_both() {
    import_llamagen_vq(vq_options(kGolden / "vq.pt", "vq"));
    import_llamagen_gpt(gpt_options(kGolden / "gpt.pt", "gpt"));
  }
  Tokenizer tokenizer(const std::string& name) {
    return Tokenizer::load(folder_ / name, torch::kCPU);
  }
  void expect_vq_parity(const std::string& name);
  // The error of importing `table` of a golden file after `edit`.
  std::string problem_after(const fs::path& file, const std::string& table,
                            const std::function<void(std::map<std::string, TensorToWrite>&)>& edit,
                            const std::function<void(const fs::path&)>& import) {
    const auto checkpoint = PytorchFile::open(file);
    std::map<std::string, TensorToWrite> tensors;
    for (const auto& [name, tensor] : checkpoint.tables().at(table))
      tensors[name] = as_it_is(name, tensor);
    edit(tensors);
    std::vector<TensorToWrite> list;
    for (const auto& [unused, tensor] : tensors) list.push_back(tensor);
    stream_pytorch(folder_ / "edited.pt", table, list);
    return error_of([&] { import(folder_ / "edited.pt"); });
  }

  TemporaryFolder folder_;
};

// --- parity

void Import::expect_vq_parity(const std::string& name) {
  torch::NoGradGuard no_grad;
  auto vq = tokenizer(name);
  const auto images = golden("images");
  const auto latents = golden(name + "_latents"), codes = golden(name + "_codes");
  const auto coded = vq.model()->encode(images);
  EXPECT_LT(relative_error("latents", coded.latents, latents), kTolerance);
  EXPECT_LT(relative_error("pixels", vq.decode(codes), golden(name + "_pixels")), kTolerance);
  // Codes are equal but where two are equally near.
  const auto different = (coded.codes != codes).nonzero();
  EXPECT_LE(different.size(0), codes.numel() / 100);
  RecordProperty("different_codes", static_cast<int>(different.size(0)));
  const auto rows = latents.permute({0, 2, 3, 1}).flatten(1, 2).to(torch::kFloat64);
  const auto distance = [&](const torch::Tensor& chosen) {
    return (rows - vq.model()->quantizer()->look_up(chosen).to(torch::kFloat64)).square().sum(2);
  };
  EXPECT_LT((distance(coded.codes) - distance(codes)).abs().max().item<double>(), 1e-5);
}

TEST_F(Import, LlamaGensTokenizerComputesWhatTheReferenceDoes) {
  const auto result = import_llamagen_vq(vq_options(kGolden / "vq.pt", "vq"));
  const auto config = tokenizer("vq").config().recipe.tokenizer;
  EXPECT_EQ(config.channels, 32);
  EXPECT_EQ(config.multipliers, (std::vector<int>{1, 2}));
  EXPECT_EQ(config.encoder_blocks, 2);
  EXPECT_EQ(config.decoder_blocks, 3);
  EXPECT_EQ(config.decoder_channels, 0);
  EXPECT_EQ(config.latent_channels, 16);
  EXPECT_EQ(config.codebook_size, 64);
  EXPECT_EQ(config.code_size, 8);
  EXPECT_TRUE(config.l2_normalised);
  EXPECT_THAT(tokenizer("vq").config().data, HasSubstr(sha256_file(kGolden / "vq.pt")));
  EXPECT_EQ(result["model"], tokenizer("vq").hash());
  expect_vq_parity("vq");
}

TEST_F(Import, TamingsTokenizerComputesWhatTheReferenceDoes) {
  import_taming_vqgan(vq_options(kGolden / "taming.ckpt", "taming"));
  const auto config = tokenizer("taming").config().recipe.tokenizer;
  EXPECT_EQ(config.multipliers, (std::vector<int>{1, 1, 2}));
  EXPECT_FALSE(config.l2_normalised);
  expect_vq_parity("taming");
}

TEST_F(Import, EmaIsPreferredAndWeightsChoosesOtherwise) {
  auto options = vq_options(kGolden / "vq.pt", "model");
  options.weights = "model";
  import_llamagen_vq(options);
  import_llamagen_vq(vq_options(kGolden / "vq.pt", "vq"));
  const auto bias = [&](const std::string& name) {
    return read_tensors(open_model_weights(folder_ / name)).at("decoder.conv_out.bias");
  };
  EXPECT_TRUE(bias("model").equal(torch::full({3}, 9.0f)));
  EXPECT_FALSE(bias("vq").equal(bias("model")));
}

TEST_F(Import, LlamaGensGeneratorComputesWhatTheReferenceDoes) {
  torch::NoGradGuard no_grad;
  import_both();
  auto generator = Generator::load(folder_ / "gpt", torch::kCPU);
  const auto& config = generator.config().recipe.generator;
  EXPECT_EQ(config.layers, 3);
  EXPECT_EQ(config.dim, 32);
  EXPECT_EQ(config.heads, 4);
  EXPECT_EQ(config.ffn_dim(), 256);
  EXPECT_FALSE(config.qk_norm);
  EXPECT_EQ(generator.shape().classes, 5);
  EXPECT_EQ(generator.config().class_names.back(), "4");
  EXPECT_EQ(generator.tokenizer_hash(), tokenizer("vq").hash());
  const auto logits = generator.model()(golden("gpt_classes"), golden("gpt_tokens"));
  EXPECT_LT(relative_error("logits", logits, golden("gpt_logits")), kTolerance);
}

TEST_F(Import, GreedyTokensAreTheReferences) {
  import_both();
  auto generator = Generator::load(folder_ / "gpt", torch::kCPU);
  for (const double cfg : {1.0, 2.0}) {
    SampleRequest request;
    request.labels = {0, 1, 2, 3, 4};
    request.temperature = 0;
    request.cfg = cfg;
    const auto expected = golden("gpt_greedy_cfg" + std::to_string(static_cast<int>(cfg)));
    EXPECT_TRUE(sample_tokens(generator, request).equal(expected)) << cfg;
  }
}

TEST_F(Import, TheEnginesDefaultIsTheReference) {
  import_both();
  Engine engine({.generator = (folder_ / "gpt").string(), .tokenizer = (folder_ / "vq").string()});
  EXPECT_EQ(engine.info().weights, Weights::float32);
  for (const double cfg : {1.0, 2.0}) {
    std::vector<Request> requests;
    for (int label = 0; label < 5; ++label)
      requests.push_back({.label = label, .cfg = cfg, .temperature = 0});
    const auto expected = golden("gpt_greedy_cfg" + std::to_string(static_cast<int>(cfg)));
    const auto drawn = engine.draw(requests);
    for (std::size_t image = 0; image < drawn.size(); ++image)
      EXPECT_TRUE(torch::tensor(drawn[image].tokens)
                      .to(torch::kInt64)
                      .equal(expected[static_cast<std::int64_t>(image)]))
          << cfg;
  }
}

TEST_F(Import, TheFormOfTheFileMakesNoDifference) {
  import_both();
  import_llamagen_gpt(gpt_options(kGolden / "gpt_flat_old.pt", "old"));
  EXPECT_EQ(model_hash(folder_ / "gpt"), model_hash(folder_ / "old"));
}

// --- export

TEST_F(Import, WhatIsExportedIsWhatWasImported) {
  import_both();
  for (const std::string form : {".pt", ".safetensors"}) {
    ExportOptions options;
    options.folder = (folder_ / "vq").string();
    options.out = (folder_ / ("vq" + form)).string();
    export_llamagen_vq(options);
    import_llamagen_vq(vq_options(options.out, "vq again" + form));
    EXPECT_EQ(model_hash(folder_ / "vq"), model_hash(folder_ / ("vq again" + form)));
    options.folder = (folder_ / "gpt").string();
    options.out = (folder_ / ("gpt" + form)).string();
    export_llamagen_gpt(options);
    import_llamagen_gpt(gpt_options(options.out, "gpt again" + form));
    EXPECT_EQ(model_hash(folder_ / "gpt"), model_hash(folder_ / ("gpt again" + form)));
  }
}

TEST_F(Import, WhatWasTrainedHereIsTheSameModelAfterExportAndImport) {
  import_both();
  auto config = read_model_config(folder_ / "vq", "tokenizer");
  config.made_by = {{"commit", "another"}, {"seed", 7}};
  write_model_folder(folder_ / "trained", config, read_tensors(open_model_weights(folder_ / "vq")));
  EXPECT_EQ(model_hash(folder_ / "trained"), model_hash(folder_ / "vq"));
}

TEST_F(Import, PythonLoadsWhatIsExported) {
  import_both();
  const auto check = [&](const std::string& exported, const std::string& table) {
    const auto command = "/usr/bin/python3 '" + (kReference / "check_export.py").string() + "' '" +
                         (folder_ / (exported + ".pt")).string() + "' '" +
                         (kGolden / (exported + ".pt")).string() + "' " + table;
    const int status = std::system(command.c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  };
  ExportOptions options;
  options.folder = (folder_ / "vq").string();
  options.out = (folder_ / "vq.pt").string();
  export_llamagen_vq(options);
  const int code = check("vq", "ema");
  if (code == 77 || code == 127)
    GTEST_SKIP() << "python3-torch is not installed, so nothing of PyTorch's reads the export";
  EXPECT_EQ(code, 0);
  options.folder = (folder_ / "gpt").string();
  options.out = (folder_ / "gpt.pt").string();
  export_llamagen_gpt(options);
  EXPECT_EQ(check("gpt", "model"), 0);
}

TEST_F(Import, ExportRefusesWhatLlamaGenCannotHold) {
  import_both();
  const auto config_path = folder_ / "gpt/config.json";
  auto config = read_json(config_path);
  ExportOptions options;
  options.folder = (folder_ / "gpt").string();
  options.out = (folder_ / "x.pt").string();
  for (const auto& [key, value] : {std::pair<const char*, nlohmann::json>{"qk_norm", true},
                                   {"rope_base", 100.0},
                                   {"norm_epsilon", 0.1}}) {
    auto changed = config;
    changed["recipe"]["generator"][key] = value;
    write_json(config_path, changed);
    EXPECT_THAT(error_of([&] { export_llamagen_gpt(options); }),
                HasSubstr(std::string(key) + " is " + value.dump()));
  }
  options.folder = (folder_ / "vq").string();
  config = read_json(folder_ / "vq/config.json");
  for (const auto& [key, value] : {std::pair<const char*, nlohmann::json>{"l2_normalised", false},
                                   {"decoder_channels", 64},
                                   {"decoder_blocks", 2}}) {
    auto changed = config;
    changed["recipe"]["tokenizer"][key] = value;
    write_json(folder_ / "vq/config.json", changed);
    EXPECT_THAT(error_of([&] { export_llamagen_vq(options); }),
                HasSubstr(std::string(key) + " is " + value.dump()));
  }
  write_json(folder_ / "vq/config.json", config);
  options.out = (folder_ / "x.onnx").string();
  EXPECT_THAT(error_of([&] { export_llamagen_vq(options); }), HasSubstr("'.onnx', expected .pt"));
  EXPECT_FALSE(fs::exists(folder_ / "x.pt") || fs::exists(folder_ / "x.onnx"));
}

// --- what is refused

TEST_F(Import, WrongTensorsAreRefusedByNameAndNothingIsWritten) {
  const auto import = [&](const fs::path& file) { import_llamagen_vq(vq_options(file, "bad")); };
  using Tensors = std::map<std::string, TensorToWrite>;
  const auto problem = [&](const std::function<void(Tensors&)>& edit) {
    return problem_after(kGolden / "vq.pt", "ema", edit, import);
  };
  EXPECT_THAT(problem([](Tensors& t) { t.erase("encoder.mid.1.q.bias"); }),
              HasSubstr("tensor 'encoder.mid.1.q.bias' is missing"));
  EXPECT_THAT(problem([](Tensors& t) { t["x.y"] = filled("x.y", {2}, 0); }),
              HasSubstr("tensor 'x.y' is unknown"));
  EXPECT_THAT(
      problem([](Tensors& t) { t["q"] = filled("encoder.conv_blocks.0.attn.0.q.bias", {32}, 0); }),
      HasSubstr("'encoder.conv_blocks.0.attn.0.q.bias' is unknown: attention"));
  EXPECT_THAT(problem([](Tensors& t) { t["e"] = filled("quantize.cluster_size", {64}, 0); }),
              HasSubstr("'quantize.cluster_size' is unknown: the quantizer"));
  EXPECT_THAT(problem([](Tensors& t) { t["quant_conv.bias"] = filled("quant_conv.bias", {9}, 0); }),
              HasSubstr("tensor 'quant_conv.bias' is [9], expected [8]"));
  // The last tensor to be written, when all others have been.
  EXPECT_THAT(problem([](Tensors& t) {
                t["quantize.embedding.weight"] = filled("quantize.embedding.weight", {64, 8}, NAN);
              }),
              HasSubstr("tensor 'quantize.embedding.weight': element 0 is not a number"));
  EXPECT_FALSE(fs::exists(folder_ / "bad"));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_ / "."), fs::directory_iterator()), 1);
}

TEST_F(Import, TamingsOtherQuantizersAreRefusedByName) {
  const auto problem = problem_after(
      kGolden / "taming.ckpt", "state_dict",
      [](auto& tensors) {
        tensors.erase("quantize.embedding.weight");
        tensors["q"] = filled("quantize.embed.weight", {64, 16}, 0);
      },
      [&](const fs::path& file) { import_taming_vqgan(vq_options(file, "bad")); });
  EXPECT_THAT(problem, HasSubstr("tensor 'quantize.embed.weight' is a Gumbel or EMA"));
}

TEST_F(Import, KindsAndOptionsThatDoNotFitAreRefused) {
  import_both();
  const auto gpt = [&](auto&& change) {
    auto options = gpt_options(kGolden / "gpt.pt", "bad");
    change(options);
    return error_of([&] { import_llamagen_gpt(options); });
  };
  EXPECT_THAT(error_of([&] { import_llamagen_vq(vq_options(kGolden / "gpt.pt", "bad")); }),
              AllOf(HasSubstr("gpt.pt: holds no VQ tokenizers of LlamaGen's (tensor "
                              "'encoder.conv_in.weight' is missing)"),
                    HasSubstr("\"cls_embedding.embedding_table.weight\""),
                    HasSubstr("named as in llamagen-gpt"),
                    HasSubstr("llamagen-vq, taming-vqgan, llamagen-gpt, vgg16-lpips")));
  EXPECT_THAT(error_of([&] { import_llamagen_vq(vq_options(kGolden / "taming.ckpt", "bad")); }),
              HasSubstr("named as in taming-vqgan"));
  EXPECT_THAT(gpt([&](auto& o) { o.weights = "ema"; }),
              AllOf(HasSubstr("--weights is 'ema'"), HasSubstr("\"model\"")));
  EXPECT_THAT(error_of([&] { import_llamagen_vq(vq_options(kGolden / "vq.pt", "vq")); }),
              HasSubstr("exists and holds files"));
  EXPECT_THAT(gpt([&](auto& o) { o.files = {(kGolden / "vq.pt").string()}; }),
              HasSubstr("'tok_embeddings.weight' is missing"));
  EXPECT_THAT(gpt([&](auto& o) { o.heads = 0; }), HasSubstr("--heads"));
  EXPECT_THAT(gpt([&](auto& o) { o.heads = 3; }), HasSubstr("generator.dim"));
  EXPECT_THAT(gpt([&](auto& o) { o.grid = "4x"; }), HasSubstr("--grid is '4x'"));
  write_file(folder_ / "names.txt", std::string_view("cat\ndog\n"));
  EXPECT_THAT(gpt([&](auto& o) { o.class_names = (folder_ / "names.txt").string(); }),
              HasSubstr("names.txt: lines is 2, expected 5"));
  import_taming_vqgan(vq_options(kGolden / "taming.ckpt", "taming"));
  auto config = read_json(folder_ / "taming/config.json");
  config["recipe"]["tokenizer"]["codebook_size"] = 65;
  write_json(folder_ / "taming/config.json", config);
  EXPECT_THAT(gpt([&](auto& o) { o.tokenizer = (folder_ / "taming").string(); }),
              HasSubstr("vocabulary is 64, expected 65"));
  EXPECT_FALSE(fs::exists(folder_ / "bad"));
}

// --- files as others write them

// A golden file's tensors with `prefix` before each name, in dictionary `table`.
void write_renamed(const fs::path& out, const fs::path& file, const std::string& from,
                   const std::string& table, const std::string& prefix,
                   const std::vector<TensorToWrite>& more = {}) {
  const auto checkpoint = PytorchFile::open(file);
  std::vector<TensorToWrite> tensors = more;
  for (const auto& [name, tensor] : checkpoint.tables().at(from))
    tensors.push_back(as_it_is(prefix + name, tensor));
  stream_pytorch(out, table, tensors);
}

TEST_F(Import, PrefixesAndDictionariesOfTrainingScriptsAreFoundAndReported) {
  const auto vq = import_llamagen_vq(vq_options(kGolden / "vq.pt", "vq"))["model"];
  const auto gpt = import_llamagen_gpt(gpt_options(kGolden / "gpt.pt", "gpt"))["model"];
  const auto taming = import_taming_vqgan(vq_options(kGolden / "taming.ckpt", "taming"))["model"];
  int number = 0;
  for (const std::string prefix :
       {"", "module.", "_orig_mod.", "model.", "tokenizer.", "module._orig_mod.", "a.b."})
    for (const std::string table :
         {"state_dict", "model", "ema", "module", "params", "net", "weights_of_mine"}) {
      if (number > 6 && table != "net") continue;  // each prefix once, each dictionary once
      const auto file = folder_ / "renamed.pt";
      const auto out = "out" + std::to_string(++number);
      const auto stripped = prefix.substr(0, prefix.find("_orig_mod."));
      write_renamed(file, kGolden / "vq.pt", "ema", table, prefix);
      auto result = import_llamagen_vq(vq_options(file, out));
      EXPECT_EQ(result["model"], vq) << prefix << " in " << table;
      EXPECT_EQ(result["found"]["table"], table);
      EXPECT_EQ(result["found"]["prefix"], stripped);
      write_renamed(file, kGolden / "gpt.pt", "model", table, prefix);
      EXPECT_EQ(import_llamagen_gpt(gpt_options(file, out + "gpt"))["model"], gpt) << table;
      write_renamed(file, kGolden / "taming.ckpt", "state_dict", table, prefix);
      EXPECT_EQ(import_taming_vqgan(vq_options(file, out + "taming"))["model"], taming) << table;
    }
}

TEST_F(Import, TensorsThatAreIgnoredMayBeOfAnyType) {
  const auto vq = import_llamagen_vq(vq_options(kGolden / "vq.pt", "vq"))["model"];
  const auto gpt = import_llamagen_gpt(gpt_options(kGolden / "gpt.pt", "gpt"))["model"];
  // Complex numbers and 8-bit floats, which only safetensors files can hold under a plain name.
  const auto write = [&](const std::string& golden, const std::string& table,
                         const std::string& odd) {
    const auto checkpoint = PytorchFile::open(kGolden / golden);
    std::vector<TensorToWrite> tensors = {{odd, DType::I64, {3}, [](std::vector<float>& buffer) {
                                             buffer.assign(6, 0);
                                             return std::as_bytes(std::span(buffer));
                                           }}};
    for (const auto& [name, tensor] : checkpoint.tables().at(table))
      if (name != odd) tensors.push_back(as_it_is(name, tensor));
    stream_safetensors(folder_ / "odd.safetensors", tensors, {});
    auto bytes = read_file(folder_ / "odd.safetensors");
    bytes.replace(bytes.find("\"I64\""), 5, "\"C64\"");
    write_file(folder_ / "odd.safetensors", bytes);
    return folder_ / "odd.safetensors";
  };
  for (const std::string odd : {"loss.discriminator.count", "discriminator.count"})
    EXPECT_EQ(import_llamagen_vq(vq_options(write("vq.pt", "ema", odd), odd))["model"], vq);
  EXPECT_EQ(
      import_llamagen_gpt(gpt_options(write("gpt.pt", "model", "freqs_cis"), "freqs"))["model"],
      gpt);
  const auto unknown = error_of(
      [&] { import_llamagen_vq(vq_options(write("vq.pt", "ema", "encoder.phase"), "bad")); });
  EXPECT_THAT(unknown, HasSubstr("'encoder.phase' is of type C64"));
  write_renamed(folder_ / "loss.pt", kGolden / "vq.pt", "ema", "state_dict", "model.",
                {filled("loss.discriminator.main.0.weight", {2}, 1)});
  EXPECT_EQ(import_llamagen_vq(vq_options(folder_ / "loss.pt", "loss"))["model"], vq);
}

TEST_F(Import, MissingTensorsAreNamedAsTheFileWouldNameThem) {
  const auto problem = problem_after(
      kGolden / "vq.pt", "ema",
      [](auto& tensors) {
        std::map<std::string, TensorToWrite> renamed;
        for (auto& [name, tensor] : tensors)
          if (name != "quant_conv.bias") {
            tensor.name = "module." + name;
            renamed[tensor.name] = tensor;
          }
        tensors = renamed;
      },
      [&](const fs::path& file) { import_llamagen_vq(vq_options(file, "bad")); });
  EXPECT_THAT(problem, HasSubstr("tensor 'module.quant_conv.bias' is missing"));
}

// --- layouts

template <typename Module>
Shapes shapes_of(Module& module) {
  Shapes shapes;
  for (const auto& [name, tensor] : tensors_of(*module)) shapes[name] = tensor.sizes().vec();
  return shapes;
}

TEST(ImportLayout, ShapesAreTheModels) {
  const std::vector<TokenizerConfig> tokenizers = {
      {.channels = 32,
       .multipliers = {1, 2, 1},
       .encoder_blocks = 1,
       .decoder_blocks = 2,
       .latent_channels = 8,
       .codebook_size = 5,
       .code_size = 3},
      {.channels = 32, .multipliers = {2}, .decoder_channels = 64, .codebook_size = 4}};
  for (const auto& config : tokenizers) {
    VqModel model(config);
    EXPECT_EQ(vq_shapes(config), shapes_of(model));
  }
  for (const bool qk_norm : {false, true}) {
    const GeneratorConfig config{
        .layers = 2, .heads = 2, .dim = 24, .ffn_multiple = 8, .qk_norm = qk_norm};
    const GeneratorShape shape{.vocabulary = 7, .classes = 3, .grid_rows = 2, .grid_columns = 2};
    Transformer model(config, shape);
    EXPECT_EQ(gpt_shapes(config, shape), shapes_of(model));
  }
}

// Shapes of a checkpoint without its bytes, for models that are too large for a test.
StoredTensors without_bytes(const Shapes& shapes) {
  StoredTensors tensors;
  for (const auto& [name, shape] : shapes)
    tensors[name] = {DType::F32, shape, Shape(shape.size()), {}};
  return tensors;
}

TEST(ImportLayout, EveryPresetIsRecognisedByItsShapes) {
  for (const std::string preset : {"B", "L", "XL", "XXL", "3B"}) {
    GeneratorConfig config;
    config.qk_norm = false;
    apply_preset(config, preset);
    const GeneratorShape shape{.vocabulary = 16384, .classes = 1000};
    const auto table = without_bytes(gpt_shapes(config, shape));
    EXPECT_EQ(table.size(), 7u * static_cast<unsigned>(config.layers) + 4) << preset;
    const ForeignWeights weights("x.pt", table);
    const auto found = gpt_config_of(weights, 0);
    EXPECT_EQ(found.layers, config.layers) << preset;
    EXPECT_EQ(found.heads, config.heads) << preset;
    EXPECT_EQ(found.dim, config.dim) << preset;
    EXPECT_EQ(found.ffn_multiple, 256) << preset;
    EXPECT_EQ(gpt_shape_of(weights).classes, 1000) << preset;
  }
  for (const auto& multipliers : {std::vector{1, 1, 2, 2, 4}, {1, 2, 2, 4}}) {
    const TokenizerConfig config{.multipliers = multipliers};
    const auto table = without_bytes(vq_shapes(config));
    EXPECT_EQ(table.size(), multipliers.size() == 5 ? 343u : 299u);
    const auto found = vq_config_of(ForeignWeights("x.pt", table));
    EXPECT_EQ(found.multipliers, multipliers);
    EXPECT_EQ(found.latent_channels, 256);
    EXPECT_EQ(found.codebook_size, 16384);
  }
  const auto wider = without_bytes(vq_shapes({.channels = 64, .decoder_channels = 96}));
  EXPECT_EQ(vq_config_of(ForeignWeights("x.pt", wider)).decoder_channels, 96);
}

TEST(ImportLayout, TamingCountsTheDecodersLevelsFromTheOtherEnd) {
  EXPECT_EQ(taming_name("encoder.conv_blocks.3.res.1.conv2.bias", 5),
            "encoder.down.3.block.1.conv2.bias");
  EXPECT_EQ(taming_name("encoder.conv_blocks.4.attn.1.proj_out.weight", 5),
            "encoder.down.4.attn.1.proj_out.weight");
  EXPECT_EQ(taming_name("encoder.mid.1.q.weight", 5), "encoder.mid.attn_1.q.weight");
  EXPECT_EQ(taming_name("decoder.mid.2.norm1.bias", 5), "decoder.mid.block_2.norm1.bias");
  EXPECT_EQ(taming_name("decoder.conv_blocks.0.upsample.conv.bias", 5),
            "decoder.up.4.upsample.conv.bias");
  EXPECT_EQ(taming_name("quantize.embedding.weight", 5), "quantize.embedding.weight");
}

TEST_F(Import, PerceptualDistanceNeedsBothFilesInAnyOrder) {
  std::vector<TensorToWrite> network, heads;
  for (const auto& [name, shape] : vgg16_shapes()) network.push_back(filled(name, shape, 0.5f));
  network.push_back(filled("classifier.0.bias", {4}, 0));
  for (const auto& [name, shape] : lpips_head_shapes())
    heads.push_back(filled(lpips_name(name), shape, 0.25f));
  stream_pytorch(folder_ / "vgg16.pth", "state_dict", network);
  stream_safetensors(folder_ / "heads.safetensors", heads, {});
  ImportOptions options;
  options.files = {(folder_ / "heads.safetensors").string(), (folder_ / "vgg16.pth").string()};
  options.out = (folder_ / "lpips").string();
  import_vgg16_lpips(options);
  EXPECT_EQ(read_model_config(folder_ / "lpips", "lpips").kind, "lpips");
  const auto weights = open_model_weights(folder_ / "lpips");
  EXPECT_EQ(weights.tensors().size(), 2 * 13 + 5u);
  EXPECT_EQ(weights.at("features.28.weight").shape, (Shape{512, 512, 3, 3}));
  EXPECT_EQ(weights.at("lin2.weight").shape, (Shape{1, 256, 1, 1}));

  options.out = (folder_ / "bad").string();
  options.files.pop_back();
  EXPECT_THAT(error_of([&] { import_vgg16_lpips(options); }), HasSubstr("expected two"));
  options.files.push_back(options.files.front());
  EXPECT_THAT(error_of([&] { import_vgg16_lpips(options); }),
              HasSubstr("tensor 'features.0.weight' is missing"));
}

}  // namespace
}  // namespace tessera
