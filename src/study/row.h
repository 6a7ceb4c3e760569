// study/ maps the trade-off between compression and generation: sweeps and who runs what, fits over
// compute, findings and their rules, the report. Nothing here needs LibTorch.
#pragma once

#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/files.h"

namespace tessera {

/// What a row measures (docs/formats/study.md).
constexpr std::array<const char*, 13> kRowMetrics = {"psnr",
                                                     "ssim",
                                                     "rfd",
                                                     "code_perplexity",
                                                     "unigram_entropy",
                                                     "nats_per_token",
                                                     "predictability",
                                                     "bits_per_image",
                                                     "fd",
                                                     "fd_reconstructions",
                                                     "precision",
                                                     "recall",
                                                     "cfg"};

/// A generator and its steps: where rows of two designs are compared.
using RunPlace = std::pair<std::string, int>;

/// One finished generator at one point of compute, on its tokenizer: a row of results.json.
struct StudyRow {
  std::string run;            ///< of the generator; its configuration is in results/<run>.json
  std::string tokenizer_run;  ///< of the tokenizer
  int point = 0;              ///< place among the compute points of the generator, from 0
  std::vector<std::string> sweeps;  ///< names of the sweeps that asked for it
  std::string design;               ///< the tokenizer's settings that the sweep file names, as text
  std::string generator;            ///< the generator's, but for its steps
  std::uint64_t seed = 0;           ///< of the tokenizer, by which rows are paired
  std::uint64_t generator_seed = 0;  ///< of the generator and its samples
  nlohmann::json settings;  ///< every setting that the sweep file varies: "table.key" to value
  std::int64_t tokenizer_parameters = 0, generator_parameters = 0;
  std::int64_t tokens_per_image = 0, codebook_size = 0, train_images = 0;
  double tokenizer_flops = 0, generator_flops = 0;  ///< of training
  double sampling_flops_per_image = 0;              ///< of the tokens of one guided image
  std::map<std::string, double> metrics;            ///< docs/formats/study.md lists them
  std::vector<double> fd_halves;                    ///< of either half of the samples; or empty
  std::vector<double> by_position;                  ///< nats of each token of an image
  std::string samples, reconstructions;             ///< pictures, relative to the study's folder
  double tokenizer_seconds = 0, generator_seconds = 0;
  std::string commit;  ///< of the program that trained the generator
  int threads = 0;     ///< of that run; a tokenizer's numbers depend on it in the last digits

  /// Of the finished generator.
  int steps() const;
  RunPlace place() const { return {generator, steps()}; }
  double total_flops() const { return tokenizer_flops + generator_flops; }
  /// NaN where it was not measured.
  double metric(const std::string& name) const;
};

nlohmann::json to_json(const StudyRow& row);
/// Throws Error naming `where` and the field.
StudyRow row_from_json(const nlohmann::json& json, const std::string& where);

/// The rows of DIR/results.json. Rows that only the generator's seed tells apart are one, the
/// first, with the means of what they measure. Throws FileError when there is none or it is
/// malformed.
std::vector<StudyRow> read_rows(const fs::path& study);

}  // namespace tessera
