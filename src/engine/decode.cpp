#include "engine/decode.h"

#include <functional>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/output.h"
#include "base/progress.h"
#include "base/version.h"
#include "engine/image_decoder.h"
#include "engine/thread_count.h"
#include "formats/npy.h"
#include "image/image_folder.h"
#include "models/instruction_set_choice.h"
#include "models/model_config.h"
#include "samples/stored_codes.h"

namespace tessera {
namespace {

using UseImage = std::function<void(std::int64_t index, std::span<const float> pixels)>;

struct PixelSize {
  int height, width;
};

// Calls use(index, pixels [height, width, 3]) for every image.
void decode_each(ImageDecoder& decoder, const StoredCodes& codes, PixelSize size, bool quiet,
                 const UseImage& use) {
  std::vector<float> pixels(static_cast<std::size_t>(size.height * size.width) * 3);
  Progress progress("decode", codes.images, quiet);
  for (std::int64_t index = 0; index < codes.images; ++index) {
    stop_if_interrupted();
    decoder.decode(codes.image(index), codes.rows, codes.columns, pixels);
    use(index, pixels);
    progress.update(index + 1);
  }
  progress.finish();
}

UseImage add_to(ImageFolderWriter& writer, const StoredCodes& codes, PixelSize size) {
  return [&writer, &codes, size](std::int64_t index, std::span<const float> pixels) {
    Image image{size.width, size.height, std::vector<std::uint8_t>(pixels.size())};
    std::transform(pixels.begin(), pixels.end(), image.pixels.begin(), byte_from_float);
    if (codes.labels.empty()) return writer.add(image);
    const auto label = static_cast<std::size_t>(codes.labels[static_cast<std::size_t>(index)]);
    writer.add(image, codes.class_names[label]);
  };
}

// [height, width, 3] to [3, height, width].
void append_planes(std::span<const float> pixels, std::vector<float>& all) {
  for (std::size_t channel = 0; channel < 3; ++channel)
    for (std::size_t at = channel; at < pixels.size(); at += 3) all.push_back(pixels[at]);
}

}  // namespace

nlohmann::json decode_with_engine(const DecodeOptions& options) {
  choose_instruction_set();
  std::optional<ImageFolderWriter> writer;
  if (options.raw)
    check_output_files({options.out, options.json});
  else
    writer.emplace(options.out);
  ThreadPool pool(thread_count(options.threads));
  const auto hash = model_hash(options.tokenizer);
  auto decoder =
      ImageDecoder::open(options.tokenizer, {.precision = ActivationType::float32}, pool);
  const auto codes = read_stored_codes(options.tokens, hash, decoder.config().codebook_size);
  const PixelSize size{codes.rows * decoder.pixels_per_token(),
                       codes.columns * decoder.pixels_per_token()};
  if (options.raw) {
    check_room(options.out, static_cast<std::uintmax_t>(codes.images) * 3 * sizeof(float) *
                                static_cast<std::uintmax_t>(size.height * size.width));
    std::vector<float> all;
    decode_each(decoder, codes, size, options.quiet,
                [&](std::int64_t, auto pixels) { append_planes(pixels, all); });
    write_npy(options.out, DType::F32, {codes.images, 3, size.height, size.width},
              std::as_bytes(std::span(all)));
  } else {
    writer->name_classes(codes.class_names);
    decode_each(decoder, codes, size, options.quiet, add_to(*writer, codes, size));
    writer->finish();
  }
  nlohmann::json json = {{"images", codes.images}, {"tokenizer", hash}, {"out", options.out}};
  json.update(made_by(options.seed));
  return json;
}

}  // namespace tessera
