#include "engine/image_decoder.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "base/error.h"
#include "engine/decoder_steps.h"
#include "engine/latent_table.h"
#include "engine/one_dnn.h"
#include "models/model_config.h"

namespace tessera {
namespace {

// What oneDNN writes for the shapes of a decoder, and its tables: about as much for any of them.
// Tiles take more kinds of kernels.
std::size_t code_bytes(ActivationType type) {
  return type == ActivationType::bf16 && has_tiles() ? 11 << 20 : 7 << 20;
}

}  // namespace

struct ImageDecoder::Impl {
  TokenizerConfig config;
  ActivationType type;
  LatentTable table;
  std::vector<DecoderStep> steps;
  Workers workers;
  int rows = 0, columns = 0;  // of the grid that everything is prepared for
  std::array<AlignedBuffer, kMapBuffers> buffers;

  Impl(const TokenizerConfig& shape, const ModelWeights& weights, ActivationType precision,
       ThreadPool& pool)
      : config(shape),
        type(precision),
        table(weights, config),
        steps(decoder_steps(weights, config, type)),
        workers{pool, std::vector<AlignedBuffer>(static_cast<std::size_t>(pool.threads())), {}} {}

  // Calls body(step, shape of its input, shape of its output) in the order of the steps.
  template <typename Body>
  void for_each_step(int grid_rows, int grid_columns, const Body& body) const {
    std::array<MapShape, kMapBuffers + 1> shapes{};
    shapes[kLatents] = {grid_rows, grid_columns, table.latent_channels()};
    for (const auto& step : steps) {
      const MapShape input = shapes[static_cast<std::size_t>(step.from)];
      shapes[static_cast<std::size_t>(step.to)] = step.layer->output(input);
      body(step, input, shapes[static_cast<std::size_t>(step.to)]);
    }
  }

  struct Needs {
    std::array<std::size_t, kMapBuffers + 1> maps{};  // bytes of each buffer; the last is pixels
    std::size_t scratch = 0, shared = 0;
  };
  Needs needs(int grid_rows, int grid_columns) const {
    Needs most;
    const auto raise = [](std::size_t& value, std::size_t to) { value = std::max(value, to); };
    raise(most.maps[kLatents],
          MapShape{grid_rows, grid_columns, table.latent_channels()}.size() * size_of(type));
    for_each_step(grid_rows, grid_columns, [&](const auto& step, MapShape input, MapShape output) {
      raise(most.maps[static_cast<std::size_t>(step.to)], output.size() * size_of(type));
      raise(most.scratch, step.layer->scratch_bytes(input));
      raise(most.shared, step.layer->shared_bytes(input));
    });
    return most;
  }

  void prepare(int grid_rows, int grid_columns);
  void load();
};

void ImageDecoder::Impl::prepare(int grid_rows, int grid_columns) {
  if (grid_rows == rows && grid_columns == columns) return;
  rows = columns = 0;  // until all is prepared
  std::vector<MapShape> inputs;
  for_each_step(grid_rows, grid_columns,
                [&](const auto&, MapShape input, MapShape) { inputs.push_back(input); });
  workers.pool.for_each(steps.size(),
                        [&](std::size_t step, int) { steps[step].layer->prepare(inputs[step]); });
  rows = grid_rows, columns = grid_columns;
}

void ImageDecoder::Impl::load() {
  workers.pool.for_each(steps.size(), [&](std::size_t step, int) { steps[step].layer->load(); });
}

ImageDecoder::ImageDecoder(const TokenizerConfig& config, int grid, const ModelWeights& weights,
                           const ImageDecoderOptions& options, ThreadPool& pool)
    : impl_(std::make_unique<Impl>(
          config, weights, has_bf16() ? options.precision : ActivationType::float32, pool)) {
  impl_->prepare(grid, grid);
  impl_->load();
}
ImageDecoder::~ImageDecoder() = default;
ImageDecoder::ImageDecoder(ImageDecoder&&) noexcept = default;

ImageDecoder ImageDecoder::open(const fs::path& folder, const ImageDecoderOptions& options,
                                ThreadPool& pool) {
  const auto recipe = read_model_config(folder, "tokenizer").recipe;
  return {recipe.tokenizer, recipe.grid(), FileWeights(open_model_weights(folder)), options, pool};
}

void ImageDecoder::decode(std::span<const std::int32_t> codes, int rows, int columns,
                          std::span<float> pixels) {
  auto& [config, type, table, steps, workers, unused_rows, unused_columns, buffers] = *impl_;
  const auto side = static_cast<std::size_t>(config.downsampling());
  const MapShape grid{rows, columns, 1};
  TESSERA_CHECK(rows > 0 && columns > 0 && codes.size() == grid.size());
  TESSERA_CHECK(pixels.size() == 3 * side * side * codes.size());
  impl_->prepare(rows, columns);
  const auto needs = impl_->needs(rows, columns);
  const auto grow = [](AlignedBuffer& buffer, std::size_t bytes) {
    if (buffer.size() < bytes) buffer = AlignedBuffer(), buffer = AlignedBuffer(bytes);
  };
  for (std::size_t map = 0; map < buffers.size(); ++map) grow(buffers[map], needs.maps[map]);
  for (auto& scratch : workers.scratch) grow(scratch, needs.scratch);
  grow(workers.shared, needs.shared);

  std::array<FeatureMap, kMapBuffers + 1> maps;
  for (std::size_t map = 0; map < buffers.size(); ++map) maps[map].data = buffers[map].data();
  maps[kPixels].data = reinterpret_cast<std::byte*>(pixels.data());
  table.look_up(codes, type, maps[kLatents].data);
  impl_->for_each_step(rows, columns, [&](const auto& step, MapShape input, MapShape output) {
    auto& from = maps[static_cast<std::size_t>(step.from)];
    auto& to = maps[static_cast<std::size_t>(step.to)];
    from.shape = input;
    to.shape = output;
    step.layer->run(from, to, impl_->workers);
  });
}

std::size_t ImageDecoder::memory(int rows, int columns) const {
  const auto needs = impl_->needs(rows, columns);
  std::size_t bytes = code_bytes(impl_->type) + impl_->table.weight_bytes();
  for (const auto& step : impl_->steps) bytes += step.layer->weight_bytes();
  for (std::size_t map = 0; map < kMapBuffers; ++map) bytes += needs.maps[map];
  return bytes + impl_->workers.scratch.size() * needs.scratch + needs.shared;
}

double ImageDecoder::flops(int rows, int columns) const {
  double total = 2.0 * rows * columns * impl_->config.code_size * impl_->table.latent_channels();
  impl_->for_each_step(rows, columns, [&](const auto& step, MapShape input, MapShape) {
    total += step.layer->flops(input);
  });
  return total;
}

ActivationType ImageDecoder::precision() const { return impl_->type; }
int ImageDecoder::pixels_per_token() const { return impl_->config.downsampling(); }
const TokenizerConfig& ImageDecoder::config() const { return impl_->config; }

}  // namespace tessera
