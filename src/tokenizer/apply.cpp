#include "tokenizer/apply.h"

#include <numeric>

#include "base/available_memory.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "base/output.h"
#include "base/progress.h"
#include "base/version.h"
#include "dataset/loader.h"
#include "formats/npy.h"
#include "image/image_folder.h"
#include "samples/sample_plan.h"
#include "samples/stored_codes.h"
#include "tokenizer/activation_memory.h"
#include "tokenizer/code_usage.h"
#include "tokenizer/image_tensors.h"
#include "tokenizer/tokenizer.h"
#include "tokens/token_file.h"
#include "training/device.h"

namespace tessera {
namespace {

constexpr double kTenCropScale = 1.1;  // LlamaGen's
constexpr int kPairsPerRow = 8;        // of reconstruct's picture

std::string joined(const std::vector<std::string>& parts) {
  return std::accumulate(
      parts.begin(), parts.end(), std::string(),
      [](auto text, const auto& part) { return text.empty() ? part : text + " " + part; });
}

std::shared_ptr<const ImageSet> open_split(const std::vector<std::string>& data, Split split,
                                           const DataConfig& config) {
  return take_split(open_images(data), split, config);
}

// Refuses sizes whose activations memory does not hold, before any image is read.
void check_memory(const Tokenizer& tokenizer, int asked_size, std::int64_t images,
                  const torch::Device& device) {
  if (!device.is_cpu()) return;
  const int size = tokenizer.data_config(asked_size).image_size;
  require_activation_memory(
      tokenizer.config().recipe.tokenizer, size, images,
      (asked_size > 0 ? "--image-size is " : "the tokenizer's image_size is ") +
          std::to_string(size));
}

// The encodings of one batch: [B, crops, 3, side, side].
torch::Tensor crops_of(const torch::Tensor& images, int side, const EncodeOptions& options) {
  std::vector<torch::Tensor> crops;
  const auto margin = images.size(3) - side;
  const std::vector<std::pair<std::int64_t, std::int64_t>> corners =
      options.crops == 10
          ? std::vector<std::pair<std::int64_t, std::int64_t>>{{0, 0},
                                                               {0, margin},
                                                               {margin, 0},
                                                               {margin, margin},
                                                               {margin / 2, margin / 2}}
          : std::vector<std::pair<std::int64_t, std::int64_t>>{{0, 0}};
  for (const bool mirrored : {false, true}) {
    if (mirrored && options.crops == 1 && !options.flip) break;
    for (const auto& [top, left] : corners) {
      const auto crop = images.slice(2, top, top + side).slice(3, left, left + side);
      crops.push_back(mirrored ? crop.flip(3) : crop);
    }
  }
  return torch::stack(crops, 1);
}

void check_encode_options(const EncodeOptions& options) {
  if (options.crops != 1 && options.crops != 10)
    throw UsageError("--crops is " + std::to_string(options.crops) + ", expected 1 or 10");
  if (options.crops == 10 && options.flip)
    throw UsageError("--flip with --crops 10: the ten crops hold the mirrored ones already");
}

// Calls use(first index, images [B, 3, H, W] float32) for all codes, a batch at a time.
void decode_in_batches(Tokenizer& tokenizer, const StoredCodes& codes, const torch::Device& device,
                       bool quiet, const std::function<void(std::int64_t, torch::Tensor)>& use) {
  const std::int64_t pixels_per_side = tokenizer.config().recipe.tokenizer.downsampling();
  const auto tokens = static_cast<std::int64_t>(codes.tokens_per_image());
  const auto values = torch::tensor(codes.values, torch::kInt64).view({codes.images, tokens});
  const auto batch = Tokenizer::batch_at(tokens * pixels_per_side * pixels_per_side);
  Progress progress("decode", codes.images, quiet);
  for (std::int64_t first = 0; first < codes.images; first += batch) {
    stop_if_interrupted();
    const auto last = std::min<std::int64_t>(first + batch, codes.images);
    const auto part = values.slice(0, first, last).to(device);
    use(first, tokenizer.decode(part, codes.rows, codes.columns).cpu());
    progress.update(last);
  }
  progress.finish();
}

void write_images(Tokenizer& tokenizer, const StoredCodes& codes, const DecodeOptions& options,
                  const torch::Device& device, ImageFolderWriter& writer) {
  writer.name_classes(codes.class_names);
  decode_in_batches(tokenizer, codes, device, options.quiet,
                    [&](std::int64_t first, const torch::Tensor& images) {
                      for (auto index = static_cast<std::size_t>(first);
                           const auto& picture : images_of(images)) {
                        if (codes.labels.empty()) {
                          writer.add(picture);
                        } else {
                          const auto label = static_cast<std::size_t>(codes.labels[index++]);
                          writer.add(picture, codes.class_names[label]);
                        }
                      }
                    });
  writer.finish();
}

void write_raw(Tokenizer& tokenizer, const StoredCodes& codes, const DecodeOptions& options,
               const torch::Device& device) {
  const std::int64_t pixels_per_token = tokenizer.config().recipe.tokenizer.downsampling();
  const auto pixels =
      codes.images * codes.rows * codes.columns * pixels_per_token * pixels_per_token;
  check_room(options.out, static_cast<std::uintmax_t>(pixels) * 3 * sizeof(float));
  std::vector<torch::Tensor> parts;
  decode_in_batches(
      tokenizer, codes, device, options.quiet,
      [&](std::int64_t, const torch::Tensor& images) { parts.push_back(images.contiguous()); });
  const auto all = torch::cat(parts);
  write_npy(options.out, DType::F32, all.sizes().vec(),
            {static_cast<const std::byte*>(all.data_ptr()), all.nbytes()});
}

// A picture of all pairs must be one that PNG and memory hold.
void check_grid(const ReconstructOptions& options, int side, std::int64_t images) {
  const auto rows = (images + kPairsPerRow - 1) / kPairsPerRow;
  const auto where = "--count is " + std::to_string(options.count) + ": a picture of " +
                     std::to_string(images) + " images";
  if (rows * side > kMostPngSide)
    throw UsageError(where + " is higher than the " + std::to_string(kMostPngSide) +
                     " pixels of a PNG file, expected fewer");
  require_memory(2.0 * 2 * kPairsPerRow * static_cast<double>(rows * side) * side * 3, where);
}

}  // namespace

nlohmann::json encode_images(const EncodeOptions& options) {
  check_encode_options(options);
  check_output_files({options.out, options.json});
  const auto device = open_device(options);
  auto tokenizer = Tokenizer::load(options.tokenizer, device);
  const auto& recipe = tokenizer.config().recipe;
  auto config = tokenizer.data_config(options.image_size);
  const int side = config.image_size, grid = side / recipe.tokenizer.downsampling();
  const std::int64_t encodings = options.crops == 10 || !options.flip ? options.crops : 2;
  const int batch_size = Tokenizer::batch_at(encodings * side * side);
  check_memory(tokenizer, options.image_size, encodings * batch_size, device);
  if (options.crops == 10) config.image_size = static_cast<int>(kTenCropScale * config.image_size);
  const auto images = open_split(options.data, options.split, recipe.data);
  TokenSet set;
  set.header = {.grid_rows = grid,
                .grid_columns = grid,
                .codebook_size = recipe.tokenizer.codebook_size,
                .tokenizer_hash = tokenizer.hash(),
                .class_names = images->class_names(),
                .made_by = made_by(options.seed),
                .data = joined(options.data)};
  CodeUsage usage(recipe.tokenizer.codebook_size);
  const auto size = static_cast<std::int64_t>(images->size());
  const auto count = options.limit > 0 ? std::min<std::int64_t>(options.limit, size) : size;
  // A label and the tokens of each encoding; small codebooks take two bytes a token.
  check_room(options.out, static_cast<std::uintmax_t>(count * (4 + 2 * encodings * grid * grid)));
  Progress progress("encode", count, options.quiet);
  const auto corrupt = for_each_batch(
      *images, config, batch_size, static_cast<std::size_t>(options.limit),
      [&](const ImageBatch& batch) {
        stop_if_interrupted();
        const auto crops = crops_of(image_tensor(batch, device), side, options);
        set.crops = crops.size(1);
        const auto codes =
            tokenizer.encode(crops.flatten(0, 1).contiguous(at::MemoryFormat::ChannelsLast)).cpu();
        usage.add(codes);
        const auto narrow = codes.to(torch::kInt32).contiguous();
        set.codes.insert(set.codes.end(), narrow.data_ptr<std::int32_t>(),
                         narrow.data_ptr<std::int32_t>() + narrow.numel());
        set.labels.insert(set.labels.end(), batch.labels.begin(), batch.labels.end());
        progress.update(static_cast<std::int64_t>(set.labels.size()));
      });
  progress.finish();
  write_tokens(options.out, set);
  nlohmann::json json = {{"images", set.labels.size()},
                         {"crops", set.crops},
                         {"tokens_per_image", set.header.tokens_per_image()},
                         {"corrupt_images", corrupt},
                         {"codebook_used", usage.used_share()},
                         {"code_perplexity", usage.perplexity()},
                         {"unigram_entropy", usage.entropy()},
                         {"tokenizer", tokenizer.hash()},
                         {"data", set.header.data},
                         {"out", options.out}};
  json.update(set.header.made_by);
  return json;
}

nlohmann::json decode_tokens(const DecodeOptions& options) {
  std::optional<ImageFolderWriter> writer;
  if (options.raw)
    check_output_files({options.out, options.json});
  else
    writer.emplace(options.out);
  const auto device = open_device(options);
  auto tokenizer = Tokenizer::load(options.tokenizer, device);
  const auto codes = read_stored_codes(options.tokens, tokenizer.hash(),
                                       tokenizer.config().recipe.tokenizer.codebook_size);
  if (device.is_cpu())
    require_memory(
        least_activation_bytes(tokenizer.config().recipe.tokenizer, codes.rows, codes.columns, 1),
        "--tokens " + options.tokens + ": an image of " + std::to_string(codes.rows) + " x " +
            std::to_string(codes.columns) + " tokens");
  options.raw ? write_raw(tokenizer, codes, options, device)
              : write_images(tokenizer, codes, options, device, *writer);
  nlohmann::json json = {
      {"images", codes.images}, {"tokenizer", tokenizer.hash()}, {"out", options.out}};
  json.update(made_by(options.seed));
  return json;
}

nlohmann::json reconstruct_images(const ReconstructOptions& options) {
  if (options.count < 1)
    throw UsageError("--count is " + std::to_string(options.count) + ", expected at least 1");
  check_output_files({options.out, options.json});
  const auto device = open_device(options);
  auto tokenizer = Tokenizer::load(options.tokenizer, device);
  const auto config = tokenizer.data_config(options.image_size);
  const int batch_size = Tokenizer::batch_at(std::int64_t{config.image_size} * config.image_size);
  check_memory(tokenizer, options.image_size, batch_size, device);
  const auto images = open_split(options.data, options.split, config);
  check_grid(options, config.image_size,
             std::min<std::int64_t>(options.count, static_cast<std::int64_t>(images->size())));
  std::vector<Image> pictures;
  for_each_batch(*images, config, batch_size, static_cast<std::size_t>(options.count),
                 [&](const ImageBatch& batch) {
                   const auto originals = image_tensor(batch, device);
                   const auto before = images_of(originals.cpu());
                   const auto after =
                       images_of(tokenizer.decode(tokenizer.encode(originals)).cpu());
                   for (std::size_t i = 0; i < before.size(); ++i)
                     pictures.push_back(before[i]), pictures.push_back(after[i]);
                 });
  write_png(options.out, image_grid(pictures, 2 * kPairsPerRow));
  return {{"images", pictures.size() / 2}, {"tokenizer", tokenizer.hash()}, {"out", options.out}};
}

}  // namespace tessera
