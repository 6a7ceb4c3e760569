#pragma once

#include <nlohmann/json.hpp>

#include "features/feature_net.h"
#include "metrics/image_batches.h"
#include "tokenizer/tokenizer.h"

namespace tessera {

/// Encodes and decodes every image. {"psnr", "ssim", "l1", "l2", "codebook_perplexity",
/// "codebook_used", "unigram_entropy", "codebook_size", "tokens_per_image", "bits_per_pixel",
/// "images"}, and with `net` also "fd" (reconstructions against originals) and "feature_space".
/// Means over images; images are rounded to 8 bits.
nlohmann::json measure_reconstruction(Tokenizer& tokenizer, const ImageBatches& images,
                                      const FeatureNet* net);

/// The tokenizer's reconstructions as a stream: the reference that separates the generator's faults
/// from its tokenizer's.
ImageBatches reconstructions_of(Tokenizer& tokenizer, ImageBatches images);

}  // namespace tessera
