#include "generator/draw_images.h"

#include <chrono>
#include <cmath>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/progress.h"
#include "base/settings.h"
#include "base/version.h"
#include "generator/sampler.h"
#include "image/image_folder.h"
#include "models/classes.h"
#include "recipe/guidance.h"
#include "tokenizer/image_tensors.h"
#include "tokens/token_file.h"

namespace tessera {
namespace {

constexpr int kWidestGrid = 16;  // images per row

SampleRequest request_of(const SampleOptions& options, const Generator& generator) {
  SampleRequest request;
  static_cast<SamplingConfig&>(request) = generator.config().recipe.sampling;
  request.cfg = options.cfg.value_or(request.cfg);
  if (!options.cfg_schedule.empty()) {
    parse_guidance_schedule(options.cfg_schedule, "--cfg-schedule");
    request.cfg_schedule = options.cfg_schedule;
  }
  request.temperature = options.temperature.value_or(request.temperature);
  request.top_k = options.top_k.value_or(request.top_k);
  request.top_p = options.top_p.value_or(request.top_p);
  request.seed = options.seed;
  request.batch = options.batch;
  request.validate();
  for (const auto label : parse_classes(options.classes, generator.config().class_names))
    request.labels.insert(request.labels.end(), static_cast<std::size_t>(options.count), label);
  return request;
}

void write_folders(const std::vector<Image>& images, const SampleRequest& request,
                   const std::vector<std::string>& class_names, const fs::path& out) {
  ImageFolderWriter writer(out);
  for (std::size_t i = 0; i < images.size(); ++i) {
    stop_if_interrupted();
    writer.add(images[i], class_names[static_cast<std::size_t>(request.labels[i])]);
  }
  writer.finish();
}

void write_token_file(const torch::Tensor& codes, const SampleRequest& request,
                      const Generator& generator, const fs::path& out) {
  const auto narrow = codes.to(torch::kInt32).contiguous();
  const auto& shape = generator.shape();
  write_tokens(out, {.header = {.grid_rows = shape.grid_rows,
                                .grid_columns = shape.grid_columns,
                                .codebook_size = shape.vocabulary,
                                .tokenizer_hash = generator.tokenizer_hash(),
                                .class_names = generator.config().class_names,
                                .made_by = made_by(request.seed),
                                .data = "sampled from generator " + generator.hash()},
                     .crops = 1,
                     .codes = {narrow.data_ptr<std::int32_t>(),
                               narrow.data_ptr<std::int32_t>() + narrow.numel()},
                     .labels = {request.labels.begin(), request.labels.end()}});
}

// Every row begins with what was given, if anything was.
void write_grid(const std::vector<Image>& images, const SampleOptions& options,
                const Beginning& beginning) {
  const auto columns = static_cast<std::size_t>(std::min(options.count, kWidestGrid));
  std::vector<Image> shown;
  for (std::size_t i = 0; i < images.size(); ++i) {
    if (beginning.picture && i % columns == 0) shown.push_back(*beginning.picture);
    shown.push_back(images[i]);
  }
  write_png(options.out,
            image_grid(shown, static_cast<int>(columns) + (beginning.picture ? 1 : 0)));
}

std::vector<Image> decode_images(Pipeline& models, const torch::Tensor& codes, bool quiet) {
  auto& [generator, tokenizer] = models;
  const auto& shape = generator.shape();
  const std::int64_t pixels_per_token = tokenizer.config().recipe.tokenizer.downsampling();
  std::vector<Image> images;
  Progress progress("decode", codes.size(0), quiet);
  for (const auto& part :
       codes.split(Tokenizer::batch_at(codes.size(1) * pixels_per_token * pixels_per_token))) {
    stop_if_interrupted();
    const auto decoded =
        tokenizer.decode(part.to(generator.device()), shape.grid_rows, shape.grid_columns);
    for (auto& image : images_of(decoded.cpu())) images.push_back(std::move(image));
    progress.update(static_cast<std::int64_t>(images.size()));
  }
  progress.finish();
  return images;
}

torch::Tensor sample_codes(Generator& generator, const SampleRequest& request, bool quiet) {
  Progress progress("sample", static_cast<std::int64_t>(request.labels.size()), quiet);
  progress.update(0);
  auto codes = sample_tokens(generator, request, [&](std::int64_t done) { progress.update(done); });
  progress.finish();
  return codes;
}

}  // namespace

void check_options(const SampleOptions& options) {
  if (options.count < 1)
    throw Error("--count is " + std::to_string(options.count) + ", expected at least 1");
  if (options.out.empty() && options.out_dir.empty() && options.tokens_out.empty())
    throw Error("nothing to write: expected --out, --out-dir or --tokens-out");
  if (!options.out_dir.empty()) ImageFolderWriter{options.out_dir};  // refuses before any work
}

nlohmann::json draw_images(const SampleOptions& options, Pipeline& models,
                           const Beginning& beginning) {
  auto& [generator, tokenizer] = models;
  auto request = request_of(options, generator);
  request.kept = beginning.codes;
  const auto start = std::chrono::steady_clock::now();
  const auto codes = sample_codes(generator, request, options.quiet);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  if (!options.tokens_out.empty()) write_token_file(codes, request, generator, options.tokens_out);
  if (!options.out.empty() || !options.out_dir.empty()) {
    const auto images = decode_images(models, codes, options.quiet);
    if (!options.out.empty()) write_grid(images, options, beginning);
    if (!options.out_dir.empty())
      write_folders(images, request, generator.config().class_names, options.out_dir);
  }
  nlohmann::json json = {{"images", request.labels.size()},
                         {"per_class", options.count},
                         {"sampling", to_json(static_cast<SamplingConfig>(request))},
                         {"seconds", seconds.count()},
                         {"generator", generator.hash()},
                         {"tokenizer", tokenizer.hash()},
                         {"data", generator.config().data}};
  json.update(made_by(options.seed));
  return json;
}

}  // namespace tessera
