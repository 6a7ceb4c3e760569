#pragma once

#include <nlohmann/json.hpp>
#include <optional>

#include "image/image_folder.h"
#include "models/generator_shape.h"
#include "samples/sample_plan.h"

namespace tessera {

/// What every image begins with, where one is completed.
struct Beginning {
  std::vector<std::int32_t> tokens;  ///< kept as the first tokens
  std::optional<Image> picture;      ///< shown at the beginning of each row of the grid
};

/// What a backend has drawn.
struct Samples {
  std::vector<std::int32_t> codes;  ///< [images, T]
  std::vector<Image> images;        ///< empty when only tokens are asked for
  double seconds = 0;               ///< that drawing the tokens took
};

/// The models that drew them.
struct SampleSource {
  const ModelConfig& generator;
  GeneratorShape shape;
  std::string generator_hash, tokenizer_hash;
};

/// Whether anything is asked for that needs pixels.
bool wants_images(const SampleOptions& options);

/// The files and the folder that `options` asks for.
class SampleOutputs {
 public:
  /// Checks that all of them can be written; the folder is locked until the end. Throws Error. Make
  /// it before any work.
  explicit SampleOutputs(const SampleOptions& options);

  std::optional<ImageFolderWriter> folder;  ///< of --out-dir
};

/// Writes the token file, the grid and the folders that `options` asks for. Returns counts, the
/// settings of sampling, seconds and hashes.
nlohmann::json write_samples(const SampleOptions& options, SampleOutputs& outputs,
                             const SamplePlan& plan, const SampleSource& source,
                             const Samples& samples, const Beginning& beginning);

}  // namespace tessera
