#include "generator/sample.h"

#include "base/error.h"
#include "dataset/loader.h"
#include "generator/draw_images.h"
#include "training/device.h"

namespace tessera {
namespace {

constexpr std::uint8_t kGrey = 128;  // what is to be completed, in the picture of what was given

Pipeline open_models(const SampleOptions& options) {
  const auto device = open_device(options);
  return options.pipeline.empty() ? open_pipeline(options.generator, options.tokenizer, device)
                                  : open_pipeline(options.pipeline, device);
}

Image read_square(const fs::path& path, int side) {
  return resize_and_crop(decode_image(read_file(path), path.string()), side);
}

torch::Tensor encode_square(Tokenizer& tokenizer, const Image& image, const torch::Device& device) {
  ImageBatch batch{.side = image.width, .labels = {0}};
  for (const auto byte : image.pixels) batch.pixels.push_back(float_from_byte(byte));
  return tokenizer.encode(image_tensor(batch, device)).cpu()[0];  // [T]
}

// The picture without the rows of pixels from `rows` on.
Image shown_rows(Image image, int rows) {
  const auto begin = static_cast<std::ptrdiff_t>(rows) * image.width * 3;
  std::fill(image.pixels.begin() + begin, image.pixels.end(), kGrey);
  return image;
}

Beginning keep_rows(const CompleteOptions& options, Pipeline& models) {
  const auto& shape = models.generator.shape();
  if (options.keep_rows < 0 || options.keep_rows >= shape.grid_rows)
    throw UsageError("--keep-rows is " + std::to_string(options.keep_rows) + ", expected 0 to " +
                     std::to_string(shape.grid_rows - 1) + ", since an image has " +
                     std::to_string(shape.grid_rows) + " rows of tokens");
  if (shape.grid_rows != shape.grid_columns)
    throw Error("the generator's images have " + std::to_string(shape.grid_rows) + " x " +
                std::to_string(shape.grid_columns) + " tokens, expected a square");
  const int pixels_per_token = models.tokenizer.config().recipe.tokenizer.downsampling();
  const auto image = read_square(options.image, shape.grid_rows * pixels_per_token);
  const auto codes = encode_square(models.tokenizer, image, models.generator.device());
  const auto kept =
      codes.slice(0, 0, options.keep_rows * shape.grid_columns).to(torch::kInt32).contiguous();
  return {{kept.data_ptr<std::int32_t>(), kept.data_ptr<std::int32_t>() + kept.numel()},
          shown_rows(image, options.keep_rows * pixels_per_token)};
}

}  // namespace

nlohmann::json sample_with_torch(const SampleOptions& options, const Beginning& beginning) {
  check_options(options);
  SampleOutputs outputs(options);
  auto models = open_models(options);
  return draw_images(options, outputs, models, beginning);
}

Beginning beginning_of(const CompleteOptions& options) {
  check_options(options);
  auto models = open_models(options);
  return keep_rows(options, models);
}

}  // namespace tessera
