#include "engine/grid_attention.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "engine/one_dnn.h"
#include "kernels/bf16.h"
#include "kernels/softmax.h"

namespace tessera {
namespace {

using dnnl::memory;

constexpr std::size_t kQueries = 64;  // a block

memory::dim dim(std::size_t size) { return static_cast<memory::dim>(size); }

dnnl::matmul::primitive_desc describe(const memory::desc& a, const memory::desc& b,
                                      const memory::desc& product) {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return describe_primitive<dnnl::matmul>(attributes, a, b, product);
}

// A block's memory in a thread's scratch.
struct BlockMemory {
  std::size_t queries, scores, shares, end;  // where each begins

  BlockMemory(std::size_t positions, std::size_t channels, ActivationType type) {
    queries = 0;  // and later what they found
    scores = AlignedBuffer::rounded_up(kQueries * channels * size_of(type));
    shares = scores + AlignedBuffer::rounded_up(kQueries * positions * sizeof(float));
    // Float32 shares stay where the scores were.
    end = shares + (type == ActivationType::bf16
                        ? AlignedBuffer::rounded_up(kQueries * positions * size_of(type))
                        : 0);
  }
};

}  // namespace

struct GridAttention::Products {
  dnnl::matmul::primitive_desc scores_description, mix_description;
  dnnl::matmul scores, mix;
  dnnl::stream stream{processor_engine()};

  Products(std::size_t positions, std::size_t channels, ActivationType type)
      : scores_description(describe(
            {{dim(kQueries), dim(channels)}, one_dnn_type(type), memory::format_tag::ab},
            {{dim(channels), dim(positions)}, one_dnn_type(type), memory::format_tag::any},
            {{dim(kQueries), dim(positions)}, memory::data_type::f32, memory::format_tag::ab})),
        mix_description(
            describe({{dim(kQueries), dim(positions)}, one_dnn_type(type), memory::format_tag::ab},
                     {{dim(positions), dim(channels)}, one_dnn_type(type), memory::format_tag::any},
                     {{dim(kQueries), dim(channels)}, one_dnn_type(type), memory::format_tag::ab})),
        scores(scores_description),
        mix(mix_description) {}

  // Packed keys, then packed values: memory that the threads share.
  memory keys(std::byte* shared) const {
    return memory(scores_description.weights_desc(), processor_engine(), shared);
  }
  memory values(std::byte* shared) const {
    const auto after = AlignedBuffer::rounded_up(scores_description.weights_desc().get_size());
    return memory(mix_description.weights_desc(), processor_engine(), shared + after);
  }

  void multiply(const dnnl::matmul::primitive_desc& description, const dnnl::matmul& product,
                const memory& b, std::byte* a, std::byte* output, std::byte* own) const {
    const auto& engine = processor_engine();
    product.execute(stream,
                    {{DNNL_ARG_SRC, memory(description.src_desc(), engine, a)},
                     {DNNL_ARG_WEIGHTS, b},
                     {DNNL_ARG_DST, memory(description.dst_desc(), engine, output)},
                     {DNNL_ARG_SCRATCHPAD, memory(description.scratchpad_desc(), engine, own)}});
  }
};

GridAttention::GridAttention(int channels, ActivationType type)
    : channels_(channels), type_(type) {}
GridAttention::~GridAttention() = default;

MapShape GridAttention::output(MapShape input) const {
  return {input.rows, input.columns, channels_};
}

void GridAttention::prepare(MapShape input) {
  const OneThread one_thread;
  products_ =
      std::make_unique<Products>(input.positions(), static_cast<std::size_t>(channels_), type_);
}

std::size_t GridAttention::scratch_bytes(MapShape input) const {
  return BlockMemory(input.positions(), static_cast<std::size_t>(channels_), type_).end +
         std::max(products_->scores_description.scratchpad_desc().get_size(),
                  products_->mix_description.scratchpad_desc().get_size());
}

// Keys and values are padded to whole blocks when they are packed.
std::size_t GridAttention::shared_bytes(MapShape input) const {
  constexpr std::size_t kBlock = 64;
  const auto up = [](std::size_t size) { return (size + kBlock - 1) / kBlock * kBlock; };
  return 2 * up(input.positions()) * up(static_cast<std::size_t>(channels_)) * size_of(type_);
}

double GridAttention::flops(MapShape input) const {
  const auto positions = static_cast<double>(input.positions());
  return 2 * 2 * positions * positions * channels_;
}

// Brings keys (transposed) or values into the order that the products read.
void GridAttention::pack(const FeatureMap& input, bool values, std::byte* shared) const {
  const OneThread one_thread;
  const auto positions = dim(input.shape.positions());
  const memory::dim channels = channels_, row = 3 * channels;
  const auto desc = values ? memory::desc({positions, channels}, one_dnn_type(type_), {row, 1})
                           : memory::desc({channels, positions}, one_dnn_type(type_), {1, row});
  auto* const data =
      input.data + static_cast<std::size_t>(values ? 2 * channels : channels) * size_of(type_);
  memory from(desc, processor_engine(), data);
  memory to = values ? products_->values(shared) : products_->keys(shared);
  dnnl::reorder(from, to).execute(products_->stream, from, to);
}

void GridAttention::attend(const FeatureMap& input, std::size_t block, const Workers& workers,
                           int thread, FeatureMap& output) const {
  const OneThread one_thread;
  auto* const scratch = workers.scratch[static_cast<std::size_t>(thread)].data();
  const auto positions = input.shape.positions();
  const auto channels = static_cast<std::size_t>(channels_);
  const BlockMemory at(positions, channels, type_);
  const std::size_t row_bytes = channels * size_of(type_);
  const std::size_t first = block * kQueries, rows = std::min(kQueries, positions - first);
  std::memset(scratch + at.queries, 0, kQueries * row_bytes);  // the last block may not be full
  for (std::size_t row = 0; row < rows; ++row)
    std::memcpy(scratch + at.queries + row * row_bytes, input.data + (first + row) * 3 * row_bytes,
                row_bytes);

  const auto& p = *products_;
  auto* const own = scratch + at.end;
  p.multiply(p.scores_description, p.scores, p.keys(workers.shared.data()), scratch + at.queries,
             scratch + at.scores, own);
  auto* const scores = reinterpret_cast<float*>(scratch + at.scores);
  const float scale = 1 / std::sqrt(static_cast<float>(channels_));
  for (std::size_t row = 0; row < kQueries; ++row)  // as the last of a sequence: it sees all
    kernels::causal_softmax(1, positions, positions - 1, scale, scores + row * positions);
  auto* shares = scratch + at.scores;
  if (type_ == ActivationType::bf16) {
    shares = scratch + at.shares;
    auto* const rounded = reinterpret_cast<kernels::Bf16*>(shares);
    for (std::size_t i = 0; i < kQueries * positions; ++i)
      rounded[i] = kernels::from_float<kernels::Bf16>(scores[i]);
  }
  p.multiply(p.mix_description, p.mix, p.values(workers.shared.data()), shares,
             scratch + at.queries, own);
  std::memcpy(output.data + first * row_bytes, scratch + at.queries, rows * row_bytes);
}

void GridAttention::run(const FeatureMap& input, FeatureMap& output, Workers& workers) {
  workers.pool.for_each(
      2, [&](std::size_t which, int) { pack(input, which == 1, workers.shared.data()); });
  const std::size_t blocks = (input.shape.positions() + kQueries - 1) / kQueries;
  workers.pool.for_each(blocks, [&](std::size_t block, int thread) {
    attend(input, block, workers, thread, output);
  });
}

}  // namespace tessera
