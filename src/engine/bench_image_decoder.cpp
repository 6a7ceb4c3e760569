#include "engine/bench_image_decoder.h"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <fstream>
#include <thread>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/progress.h"
#include "base/random.h"
#include "base/version.h"
#include "engine/aligned_buffer.h"
#include "engine/image_decoder.h"
#include "engine/one_dnn.h"

namespace tessera {
namespace {

constexpr double kLeastPsnr = 40;  // dB; trained weights reach more than random ones

double seconds_of(const auto& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Operations per second of products of matrices that fit a core's second-level cache, one on each
/// thread at a time: the best of ten.
double product_speed(ActivationType type, ThreadPool& pool) {
  constexpr int kSize = 384, kRepeats = 40, kTrials = 10;
  const OneThread one_thread;
  const dnnl::memory::desc plain({kSize, kSize}, one_dnn_type(type), dnnl::memory::format_tag::ab);
  const dnnl::memory::desc packed({kSize, kSize}, one_dnn_type(type),
                                  dnnl::memory::format_tag::any);
  const dnnl::matmul::primitive_desc description({plain, packed, plain}, processor_engine());
  const dnnl::matmul product(description);
  const auto multiply = [&](std::size_t, int) {
    const OneThread here_too;
    const auto zeros = [](const dnnl::memory::desc& desc) {
      dnnl::memory memory(desc, processor_engine());
      std::memset(memory.get_data_handle(), 0, desc.get_size());
      return memory;
    };
    const auto a = zeros(plain), b = zeros(description.weights_desc()), c = zeros(plain);
    const dnnl::stream stream(processor_engine());
    for (int repeat = 0; repeat < kRepeats; ++repeat)
      product.execute(stream, {{DNNL_ARG_SRC, a}, {DNNL_ARG_WEIGHTS, b}, {DNNL_ARG_DST, c}});
  };
  const auto tasks = static_cast<std::size_t>(pool.threads());
  double best = HUGE_VAL;
  for (int trial = 0; trial < kTrials; ++trial)
    best = std::min(best, seconds_of([&] { pool.for_each(tasks, multiply); }));
  return 2 * std::pow(kSize, 3) * kRepeats * pool.threads() / best;
}

std::string processor_name() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  return "unknown";
}

std::int64_t peak_memory() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return std::int64_t{usage.ru_maxrss} * 1024;
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
    throw Error("--size is " + std::to_string(options.size) + ", expected a multiple of 16");
  if (options.batch < 1)
    throw Error("--batch is " + std::to_string(options.batch) + ", expected at least 1");
  if (options.weights != "bf16" && options.weights != "float32")
    throw Error("--weights is '" + options.weights + "', expected float32 or bf16");
}

}  // namespace

nlohmann::json bench_image_decoder(const ImageDecoderBenchOptions& options) {
  check_options(options);
  ThreadPool pool(options.threads > 0
                      ? options.threads
                      : std::max(1, static_cast<int>(std::thread::hardware_concurrency())));
  const auto wanted = options.weights == "bf16" ? ActivationType::bf16 : ActivationType::float32;
  std::vector<Subject> made;
  const double open_seconds =
      seconds_of([&] { made.push_back(make_subject(options, wanted, options.batch, pool)); });
  auto& subject = made.front();
  const auto type = subject.decoder.precision();
  subject.decode(0);  // warms up
  const auto first_image = subject.pixels;

  const double peak_before = product_speed(type, pool);
  std::vector<double> seconds;
  Progress progress("bench image-decoder", options.runs, options.quiet, "images", options.batch);
  for (int run = 0; run < options.runs; ++run) {
    stop_if_interrupted();
    seconds.push_back(seconds_of([&] {
      for (int image = 0; image < options.batch; ++image) subject.decode(image);
    }));
    progress.update(run + 1);
  }
  progress.finish();
  const double peak = std::max(peak_before, product_speed(type, pool));
  const auto resident = peak_memory();
  const auto estimate = subject.decoder.memory(subject.grid, subject.grid);
  const double flops = subject.decoder.flops(subject.grid, subject.grid);
  const auto psnr = has_bf16() ? nlohmann::json(check_pixels(options, type, first_image, pool))
                               : nlohmann::json();  // no other precision here

  std::sort(seconds.begin(), seconds.end());
  const double median = seconds[seconds.size() / 2];
  const double speed = flops * options.batch / median;
  return {{"shape", "vq16"},
          {"size", options.size},
          {"batch", options.batch},
          {"runs", options.runs},
          {"weights", type == ActivationType::bf16 ? "bf16" : "float32"},
          {"rows_per_second", options.batch / median},
          {"seconds_per_run",
           {{"median", median}, {"fastest", seconds.front()}, {"slowest", seconds.back()}}},
          {"flops_per_image", flops},
          {"flops_per_second", speed},
          {"peak_flops_per_second", peak},
          {"share", speed / peak},
          {"open_seconds", open_seconds},
          {"memory_estimate_bytes", estimate},
          {"peak_rss_bytes", resident},
          {"psnr", psnr},
          {"threads", pool.threads()},
          {"processor", processor_name()},
          {"seed", options.seed},
          {"data", "random"},
          {"made_by", made_by(options.seed)}};
}

}  // namespace tessera
