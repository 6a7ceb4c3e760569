#pragma once

#include <future>
#include <memory>
#include <optional>

#include "engine/image_decoder.h"
#include "engine/token_transformer.h"
#include "tessera/engine.h"

namespace tessera {

/// The two models of an Engine, ready to run, and the threads that run them: as many for each,
/// which share the cores by share_threads.
class OpenedModels {
 public:
  /// Throws Error or FileError on bad input.
  explicit OpenedModels(const EngineOptions& options);

  const EngineInfo& info() const { return info_; }
  const GeneratorWeights& weights() const { return weights_; }
  bool has_decoder() const { return decoder_.valid(); }
  /// Throws what opening the decoder threw, if that is known already.
  void check_decoder() const;

  /// The transformer for so many rows; kept from one call to the next, since most are alike.
  /// Throws Error when they need more memory than is free.
  TokenTransformer& transformer(std::size_t rows);
  /// Tokens of an image's first rows, or of all, to pixels; what is missing is grey. Not for two
  /// threads at once, but beside transformer().
  Picture decode(std::span<const std::int32_t> tokens);
  /// Whether images are decoded while tokens are drawn: then each has a part of the threads.
  void share_threads(bool share);

  MemoryEstimate estimate(std::size_t rows) const;

 private:
  /// `as_recipe`: in the precision of the tokenizer's recipe, else in that of the generator's
  /// weights.
  void open_decoder(const fs::path& generator, const fs::path& tokenizer, bool as_recipe);
  ImageDecoder& decoder() const;
  int most_rows(int asked) const;
  /// Caches and work of so many rows.
  std::size_t bytes_for(std::size_t rows) const;

  ThreadPool pool_, decoder_pool_;
  GeneratorWeights weights_;
  kernels::CacheType cache_;
  // Opened in the background: the first tokens do not wait for it. Not valid without a tokenizer.
  std::shared_future<std::shared_ptr<ImageDecoder>> decoder_;
  EngineInfo info_;
  std::unique_ptr<TokenTransformer> transformer_;
};

}  // namespace tessera
