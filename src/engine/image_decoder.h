#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "base/files.h"
#include "base/thread_pool.h"
#include "engine/feature_map.h"
#include "engine/model_weights.h"
#include "recipe/tokenizer_config.h"

namespace tessera {

struct ImageDecoderOptions {
  /// bf16 is for processors with bf16 dot products; on others float32 takes its place.
  ActivationType precision = ActivationType::bf16;
};

/// Tokens to pixels: the decoder of a VQ tokenizer, one image at a time on all threads of a pool.
/// The pixels of an image do not depend on their number.
class ImageDecoder {
 public:
  /// Opens a tokenizer's model folder and packs its weights. Throws FileError naming what is
  /// missing, misshapen, of another type than float32 or not finite. Borrows the pool.
  static ImageDecoder open(const fs::path& folder, const ImageDecoderOptions& options,
                           ThreadPool& pool);
  /// The same of any tokenizer's weights, made ready for images of `grid` x `grid` codes.
  ImageDecoder(const TokenizerConfig& config, int grid, const ModelWeights& weights,
               const ImageDecoderOptions& options, ThreadPool& pool);
  ~ImageDecoder();
  ImageDecoder(ImageDecoder&&) noexcept;

  /// Codes [rows, columns] of one image -> pixels [height, width, 3] (red, green, blue), nominally
  /// in [-1, 1] but not clamped; height is rows * pixels_per_token(). Throws Error for a code that
  /// does not exist. The first image of another grid than the one before takes some milliseconds
  /// more. Not for two threads at once.
  void decode(std::span<const std::int32_t> codes, int rows, int columns, std::span<float> pixels);

  /// Bytes that decoding such images takes while it runs: weights, the largest activations, each
  /// thread's scratch memory and generated code, but not codes and pixels.
  std::size_t memory(int rows, int columns) const;
  /// Multiplications and additions for one image by the plain algorithm: two for each multiply-add
  /// of a convolution or matrix product, upsampled maps taken as they are.
  double flops(int rows, int columns) const;

  ActivationType precision() const;  ///< in use
  int pixels_per_token() const;      ///< along a side
  const TokenizerConfig& config() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tessera
