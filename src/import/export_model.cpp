#include "import/export_model.h"

#include "base/error.h"
#include "base/output.h"
#include "base/version.h"
#include "formats/pytorch_writer.h"
#include "import/gpt_layout.h"
#include "import/vq_layout.h"
#include "training/model_folder.h"

namespace tessera {
namespace {

constexpr std::int64_t kCodesRemembered = 65536;  // LlamaGen's buffer, which its loader wants

[[noreturn]] void refuse(const ExportOptions& options, const std::string& field,
                         const std::string& found, const std::string& expected) {
  throw FileError(fs::path(options.folder) / "config.json", field, found, expected);
}

TensorToWrite zeros(const std::string& name, std::int64_t count) {
  return {name, DType::F32, {count}, [count](std::vector<float>& buffer) {
            buffer.assign(static_cast<std::size_t>(count), 0.0f);
            return std::as_bytes(std::span(buffer));
          }};
}

void write_checkpoint(const fs::path& out, const std::vector<TensorToWrite>& tensors) {
  const auto extension = out.extension();
  if (extension == ".pt" || extension == ".pth")
    stream_pytorch(out, "model", tensors);
  else if (extension == ".safetensors")
    stream_safetensors(out, tensors, {{"format", "pt"}});
  else
    throw FileError(out, "extension", "'" + extension.string() + "'", ".pt, .pth or .safetensors");
}

nlohmann::json export_matched(const ExportOptions& options, const Shapes& shapes,
                              const std::vector<TensorToWrite>& more) {
  const auto checkpoint = Checkpoint::open(fs::path(options.folder) / "model.safetensors");
  auto tensors = ForeignWeights(checkpoint.path(), checkpoint.tables().at("")).matched(shapes);
  tensors.insert(tensors.end(), more.begin(), more.end());
  std::uintmax_t bytes = 0;
  for (const auto& tensor : tensors) bytes += *bytes_needed(tensor.type, tensor.shape);
  check_room(options.out, bytes);
  write_checkpoint(options.out, tensors);
  nlohmann::json result = {
      {"out", options.out}, {"tensors", tensors.size()}, {"model", model_hash(options.folder)}};
  result.update(made_by(options.seed));
  return result;
}

}  // namespace

// Refuses what LlamaGen's model has no setting for and its weights do not show.
void require_llamagen_form(const ExportOptions& options, const TokenizerConfig& config) {
  if (!config.l2_normalised)
    refuse(options, "tokenizer.l2_normalised", "false",
           "true: LlamaGen's quantizer normalises latents and codes");
  if (config.decoder_width() != config.channels)
    refuse(options, "tokenizer.decoder_channels", std::to_string(config.decoder_width()),
           std::to_string(config.channels) + ": LlamaGen's decoder is as wide as its encoder");
  if (config.decoder_blocks != config.encoder_blocks + 1)
    refuse(options, "tokenizer.decoder_blocks", std::to_string(config.decoder_blocks),
           std::to_string(config.encoder_blocks + 1) +
               ": LlamaGen's decoder has one block more "
               "in a level than its encoder");
}

void require_llamagen_form(const ExportOptions& options, const GeneratorConfig& config) {
  const GeneratorConfig theirs;
  if (config.qk_norm)
    refuse(
        options, "generator.qk_norm", "true",
        "false: LlamaGen's transformer does not normalise queries and keys, so its scripts would "
        "compute something else");
  if (config.rope_base != theirs.rope_base)
    refuse(options, "generator.rope_base", nlohmann::json(config.rope_base).dump(),
           nlohmann::json(theirs.rope_base).dump() + ", LlamaGen's");
  if (config.norm_epsilon != theirs.norm_epsilon)
    refuse(options, "generator.norm_epsilon", nlohmann::json(config.norm_epsilon).dump(),
           nlohmann::json(theirs.norm_epsilon).dump() + ", LlamaGen's");
}

nlohmann::json export_llamagen_vq(const ExportOptions& options) {
  check_output_files({options.out, options.json});
  const auto config = read_model_config(options.folder, "tokenizer");
  require_llamagen_form(options, config.recipe.tokenizer);
  return export_matched(options, vq_shapes(config.recipe.tokenizer),
                        {zeros("quantize.codebook_used", kCodesRemembered)});
}

nlohmann::json export_llamagen_gpt(const ExportOptions& options) {
  check_output_files({options.out, options.json});
  const auto config = read_model_config(options.folder, "generator");
  const auto& generator = config.recipe.generator;
  require_llamagen_form(options, generator);
  const auto grid = config.extra.value("grid", nlohmann::json());
  if (!grid.is_array() || grid.size() != 2 || grid[0] != grid[1])
    refuse(options, "extra.grid", grid.dump(), "as many rows as columns, as LlamaGen has");
  const auto vocabulary = config.extra.value("vocabulary", nlohmann::json());
  if (!vocabulary.is_number_integer())
    refuse(options, "extra.vocabulary", vocabulary.dump(), "a whole number");
  const GeneratorShape shape{.vocabulary = vocabulary.get<int>(),
                             .classes = static_cast<int>(config.class_names.size())};
  return export_matched(options, gpt_shapes(generator, shape), {});
}

}  // namespace tessera
