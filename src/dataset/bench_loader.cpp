#include <algorithm>
#include <chrono>
#include <fstream>
#include <numeric>
#include <thread>

#include "base/available_memory.h"
#include "base/interrupt.h"
#include "base/version.h"
#include "dataset/describe.h"
#include "dataset/loader.h"

namespace tessera {
namespace {

double seconds_for_batches(TrainingLoader& loader, int batches) {
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < batches; ++i) {
    stop_if_interrupted();
    loader.next();
  }
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

std::shared_ptr<const ImageSet> open_at_most(const LoaderBenchOptions& options) {
  std::shared_ptr<const ImageSet> images = open_images(options.data);
  const auto most = static_cast<std::size_t>(options.most_images);
  if (images->size() <= most) return images;
  std::vector<std::size_t> indices(most);
  for (std::size_t i = 0; i < most; ++i) indices[i] = i * images->size() / most;
  return select_images(std::move(images), std::move(indices));
}

std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  return "unknown";
}

}  // namespace

nlohmann::json bench_loader(const LoaderBenchOptions& options) {
  constexpr int kRuns = 20, kFewestBatches = 20;
  require_memory(4.0 * 3 * options.batch_size * options.image_size * options.image_size,
                 "--batch is " + std::to_string(options.batch_size) + ": a batch of --size " +
                     std::to_string(options.image_size));
  const auto images = open_at_most(options);
  DataConfig config;
  config.image_size = options.image_size;
  const auto cores = static_cast<int>(std::thread::hardware_concurrency());
  config.loader_threads = options.threads > 0 ? options.threads : std::max(1, cores);
  config.validate();
  TrainingLoader loader(images, config, options.batch_size, options.seed);
  const int epoch =
      static_cast<int>((images->size() + options.batch_size - 1) / options.batch_size);
  const double decode_seconds = seconds_for_batches(loader, epoch);
  const int batches = std::max(kFewestBatches, epoch / kRuns);
  std::vector<double> rates(kRuns);
  for (double& rate : rates)
    rate = batches * options.batch_size / seconds_for_batches(loader, batches);
  std::ranges::sort(rates);

  auto result = made_by(options.seed);
  result["data"] = options.data;
  result["images"] = images->size();
  result["corrupt_images"] = loader.corrupt_images();
  result["batch_size"] = options.batch_size;
  result["image_size"] = options.image_size;
  result["threads"] = config.loader_threads;
  result["processor"] = processor_name();
  result["runs"] = kRuns;
  result["decode_images_per_second"] = epoch * options.batch_size / decode_seconds;
  result["images_per_second"] = rates[kRuns / 2];
  result["slowest"] = rates.front();
  result["fastest"] = rates.back();
  result["milliseconds_per_batch"] = 1000 * options.batch_size / rates[kRuns / 2];
  return result;
}

}  // namespace tessera
