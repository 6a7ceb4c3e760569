#pragma once

#include <memory>
#include <optional>

#include "engine/image_decoder.h"
#include "engine/token_transformer.h"
#include "tessera/engine.h"

namespace tessera {

/// The two models of an Engine, ready to run, and the threads that run them.
class OpenedModels {
 public:
  /// Throws Error or FileError on bad input.
  explicit OpenedModels(const EngineOptions& options);

  const EngineInfo& info() const { return info_; }
  const GeneratorWeights& weights() const { return weights_; }
  bool has_decoder() const { return decoder_.has_value(); }

  /// The transformer for so many rows; kept from one call to the next, since most are alike.
  /// Throws Error when they need more memory than is free.
  TokenTransformer& transformer(std::size_t rows);
  /// Tokens of a whole image to pixels.
  Picture decode(std::span<const std::int32_t> tokens);
  /// Tokens of the first rows to pixels; the rest is grey.
  Picture decode_beginning(std::span<const std::int32_t> tokens);

  MemoryEstimate estimate(std::size_t rows) const;

 private:
  void open_decoder(const std::string& generator, const std::string& tokenizer);
  int most_rows(int asked) const;

  ThreadPool pool_;
  GeneratorWeights weights_;
  kernels::CacheType cache_;
  std::optional<ImageDecoder> decoder_;
  EngineInfo info_;
  std::unique_ptr<TokenTransformer> transformer_;
};

}  // namespace tessera
