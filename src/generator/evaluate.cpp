#include "generator/evaluate.h"

#include "base/error.h"
#include "base/interrupt.h"
#include "base/output.h"
#include "base/progress.h"
#include "base/version.h"
#include "formats/npy.h"
#include "generator/generator.h"
#include "generator/likelihood.h"
#include "samples/classes.h"
#include "samples/token_fit.h"
#include "tokens/npy_codes.h"
#include "training/device.h"

namespace tessera {
namespace {

constexpr std::int64_t kMostLogits = std::int64_t{1} << 31;  // 8 GB of float32

TokenFile open_tokens(const fs::path& path, const Generator& generator) {
  auto file = TokenFile::open(path);
  require_fit(file, generator.shape(), generator.tokenizer_hash());
  return file;
}

TokenBatch all_tokens(const LogitsOptions& options, const Generator& generator) {
  if (fs::path(options.tokens).extension() != ".npy") {
    auto file = open_tokens(options.tokens, generator);
    if (options.classes.empty())
      file = matched_classes(file, generator.config().class_names, "the generator's");
    return read_batch(file, all_sequences(file), torch::kCPU);
  }
  auto codes = read_npy_codes(options.tokens, generator.shape().vocabulary);
  if (codes.rows < 1 || codes.columns != generator.shape().positions())
    throw FileError(options.tokens, "shape", shape_text({codes.rows, codes.columns}),
                    "[N, " + std::to_string(generator.shape().positions()) + "] with N at least 1");
  return {torch::tensor(codes.values).view({codes.rows, codes.columns}), {}};
}

void set_classes(TokenBatch& batch, const LogitsOptions& options, const Generator& generator) {
  if (options.classes.empty()) {
    if (!batch.labels.defined())
      throw UsageError("--classes is missing: a .npy file names no classes");
    return;
  }
  const auto classes = parse_classes(options.classes, generator.config().class_names);
  const auto rows = batch.codes.size(0);
  if (classes.size() != 1 && static_cast<std::int64_t>(classes.size()) != rows)
    throw UsageError("--classes names " + std::to_string(classes.size()) + ", expected one or " +
                     std::to_string(rows) + ", one for each sequence of " + options.tokens);
  batch.labels = torch::tensor(classes).expand({rows}).contiguous();
}

}  // namespace

nlohmann::json evaluate_likelihood(const LikelihoodOptions& options) {
  const auto device = open_device(options);
  auto generator = Generator::load(options.generator, device);
  const auto file = matched_classes(open_tokens(options.tokens, generator),
                                    generator.config().class_names, "the generator's");
  const auto sequences = all_sequences(file);
  Progress progress("likelihood", static_cast<std::int64_t>(sequences.size()), options.quiet);
  auto json =
      measure_likelihood(generator.model(), file, sequences, generator.bf16(), &progress).json();
  progress.finish();
  json["images"] = file.images();
  json["crops"] = file.crops();
  json["tokens_per_image"] = file.tokens_per_image();
  json["data"] = file.header().data;
  json["tokens"] = sha256_file(options.tokens);
  json["generator"] = generator.hash();
  json["tokenizer"] = generator.tokenizer_hash();
  json.update(made_by(options.seed));
  return json;
}

nlohmann::json write_logits(const LogitsOptions& options) {
  check_output_files({options.out, options.json});
  const auto device = open_device(options);
  auto generator = Generator::load(options.generator, device);
  auto tokens = all_tokens(options, generator);
  set_classes(tokens, options, generator);
  const auto rows = tokens.codes.size(0), positions = tokens.codes.size(1);
  const std::int64_t vocabulary = generator.shape().vocabulary;
  if (rows > kMostLogits / (positions * vocabulary))
    throw FileError(
        options.tokens, "sequences", std::to_string(rows),
        "at most " + std::to_string(kMostLogits / (positions * vocabulary)) + ", 8 GB of logits");
  check_room(options.out,
             sizeof(float) * static_cast<std::uintmax_t>(rows * positions * vocabulary));
  torch::NoGradGuard no_grad;
  const auto logits = torch::empty({rows, positions, vocabulary});
  const auto batch = static_cast<std::int64_t>(batch_for(positions, vocabulary));
  for (std::int64_t first = 0; first < rows; first += batch) {
    stop_if_interrupted();
    const auto last = std::min(rows, first + batch);
    logits.slice(0, first, last)
        .copy_(generator.model()(tokens.labels.slice(0, first, last).to(device),
                                 tokens.codes.slice(0, first, last).to(device)));
  }
  write_npy(options.out, DType::F32, logits.sizes().vec(),
            {static_cast<const std::byte*>(logits.data_ptr()), logits.nbytes()});
  nlohmann::json json = {{"shape", logits.sizes().vec()},
                         {"generator", generator.hash()},
                         {"tokens", sha256_file(options.tokens)},
                         {"data", options.tokens},
                         {"out", options.out}};
  json.update(made_by(options.seed));
  return json;
}

}  // namespace tessera
