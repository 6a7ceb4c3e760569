#include "engine/bench_image_decoder.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>

#include "base/available_memory.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "base/machine.h"
#include "base/progress.h"
#include "base/random.h"
#include "base/version.h"
#include "engine/image_decoder.h"
#include "engine/machine_speed.h"
#include "engine/one_dnn.h"
#include "engine/thread_count.h"
#include "kernels/instruction_set.h"
#include "models/instruction_set_choice.h"

namespace tessera {
namespace {

constexpr double kLeastPsnr = 40;  // dB; trained weights reach more than random ones

double seconds_of(const auto& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// The decoder that is measured, and the images that it decodes.
struct Subject {
  ImageDecoder decoder;
  int grid;
  std::vector<std::int32_t> codes;  // [batch, grid, grid]
  std::vector<float> pixels;        // of one image

  void decode(int image) {
    const std::size_t positions = codes_per_image();
    decoder.decode(std::span(codes).subspan(static_cast<std::size_t>(image) * positions, positions),
                   grid, grid, pixels);
  }
  std::size_t codes_per_image() const {
    return static_cast<std::size_t>(grid) * static_cast<std::size_t>(grid);
  }
};

Subject make_subject(const ImageDecoderBenchOptions& options, ActivationType type, int batch,
                     ThreadPool& pool) {
  const TokenizerConfig config;  // its defaults are VQ-16's
  const int grid = options.size / config.downsampling();
  Subject subject{
      ImageDecoder(config, grid, RandomWeights(options.seed), {type}, pool), grid, {}, {}};
  subject.codes.resize(static_cast<std::size_t>(batch) * subject.codes_per_image());
  Rng rng(options.seed);
  for (auto& code : subject.codes)
    code = static_cast<std::int32_t>(rng.below(static_cast<std::uint64_t>(config.codebook_size)));
  subject.pixels.resize(3 * static_cast<std::size_t>(options.size) *
                        static_cast<std::size_t>(options.size));
  return subject;
}

/// dB between the first image and what the other precision makes of the same codes.
double check_pixels(const ImageDecoderBenchOptions& options, ActivationType type,
                    const std::vector<float>& pixels, ThreadPool& pool) {
  const bool bf16 = type == ActivationType::bf16;
  auto other =
      make_subject(options, bf16 ? ActivationType::float32 : ActivationType::bf16, 1, pool);
  other.decode(0);
  double squares = 0;
  for (std::size_t i = 0; i < pixels.size(); ++i)
    squares += std::pow(static_cast<double>(pixels[i]) - other.pixels[i], 2);
  const double psnr = 10 * std::log10(4 * static_cast<double>(pixels.size()) / squares);
  if (!(psnr >= kLeastPsnr))
    throw Error("the decoder's pixels in float32 and bf16 differ: PSNR is " + std::to_string(psnr) +
                " dB, expected at least " + std::to_string(kLeastPsnr));
  return psnr;
}

void check_options(const ImageDecoderBenchOptions& options) {
  if (options.size < 16 || options.size % 16 != 0)
    throw UsageError("--size is " + std::to_string(options.size) + ", expected a multiple of 16");
  if (options.batch < 1)
    throw UsageError("--batch is " + std::to_string(options.batch) + ", expected at least 1");
  if (options.weights != "bf16" && options.weights != "float32")
    throw UsageError("--weights is '" + options.weights + "', expected float32 or bf16");
  // The pixels, and VQ-16's attention of one image at the lowest resolution.
  const double pixels = static_cast<double>(options.size) * options.size;
  const double tokens = pixels / 256;
  require_memory(4 * (3 * pixels * options.batch + tokens * tokens),
                 "--size is " + std::to_string(options.size) + ": a batch of " +
                     std::to_string(options.batch));
}

}  // namespace

nlohmann::json bench_image_decoder(const ImageDecoderBenchOptions& options) {
  check_options(options);
  choose_instruction_set();
  ThreadPool pool(thread_count(options.threads));
  const auto wanted = options.weights == "bf16" ? ActivationType::bf16 : ActivationType::float32;
  std::optional<Subject> subject;
  const double open_seconds =
      seconds_of([&] { subject.emplace(make_subject(options, wanted, options.batch, pool)); });
  const auto type = subject->decoder.precision();
  subject->decode(0);  // warms up
  const auto first_image = subject->pixels;

  const auto product =
      type == ActivationType::bf16 ? kernels::WeightType::bf16 : kernels::WeightType::float32;
  const double flops = subject->decoder.flops(subject->grid, subject->grid);
  std::vector<double> seconds, limits, shares;
  Progress progress("bench image-decoder", options.runs, options.quiet, "images", options.batch);
  for (int run = 0; run < options.runs; ++run) {
    stop_if_interrupted();
    limits.push_back(arithmetic_limit(product, pool));  // before each run, since it changes
    seconds.push_back(seconds_of([&] {
      for (int image = 0; image < options.batch; ++image) subject->decode(image);
    }));
    shares.push_back(flops * options.batch / seconds.back() / limits.back());
    progress.update(run + 1);
  }
  progress.finish();
  const auto resident = peak_resident_bytes();  // before what else is measured takes more
  const auto estimate = subject->decoder.memory(subject->grid, subject->grid);
  subject.reset();
  const auto psnr = has_bf16() ? nlohmann::json(check_pixels(options, type, first_image, pool))
                               : nlohmann::json();  // no other precision here
  const auto spread = spread_of(seconds);
  return {{"shape", "vq16"},
          {"size", options.size},
          {"batch", options.batch},
          {"runs", options.runs},
          {"weights", type == ActivationType::bf16 ? "bf16" : "float32"},
          {"rows_per_second", options.batch / spread.median},
          {"seconds_per_run",
           {{"median", spread.median}, {"fastest", spread.least}, {"slowest", spread.most}}},
          {"flops_per_image", flops},
          {"flops_per_second", flops * options.batch / spread.median},
          {"peak_flops_per_second", spread_of(limits).median},
          {"share", spread_of(shares).median},
          {"open_seconds", open_seconds},
          {"memory_estimate_bytes", estimate},
          {"peak_rss_bytes", resident},
          {"check", {{"psnr", psnr}}},
          {"instruction_set", kernels::name_of(kernels::instruction_set())},
          {"threads", pool.threads()},
          {"processor", processor_name()},
          {"seed", options.seed},
          {"data", "random"},
          {"made_by", made_by(options.seed)}};
}

}  // namespace tessera
