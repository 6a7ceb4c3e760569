#include "engine/token_transformer.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "kernels/rms_norm.h"
#include "kernels/swiglu.h"
#include "kernels/turn_heads.h"

namespace tessera {
namespace {

constexpr std::size_t kPanel = kernels::kPanelOutputs;
// Enough that the threads end together, few enough that taking one costs nothing.
constexpr std::size_t kTasksPerThread = 4;
// So few rows every thread prepares for itself: that takes less time than waiting for each other.
constexpr std::size_t kFewRows = 4;

// One panel as a matrix of its own, so that its product can go anywhere.
kernels::PackedMatrix panel_of(const kernels::PackedMatrix& matrix, std::size_t panel) {
  const auto bytes = kernels::packed_bytes(matrix.type, kPanel, matrix.inputs);
  return {matrix.type, std::min(kPanel, matrix.outputs - panel * kPanel), matrix.inputs,
          matrix.bytes + panel * bytes};
}

std::size_t round_up(std::size_t count, std::size_t unit) {
  return (count + unit - 1) / unit * unit;
}

std::size_t widest_prepared(const GeneratorWeights& weights) {
  const auto dim = static_cast<std::size_t>(weights.transformer().dim),
             ffn = static_cast<std::size_t>(weights.transformer().ffn_dim());
  return std::max(kernels::prepared_bytes(weights.type(), dim),
                  kernels::prepared_bytes(weights.type(), ffn));
}

// What a thread needs: a panel's outputs of every row, or a head's vectors and its scores.
std::size_t scratch_floats(const GeneratorWeights& weights, std::size_t rows) {
  const auto head_size =
      static_cast<std::size_t>(weights.transformer().dim / weights.transformer().heads);
  const auto positions = static_cast<std::size_t>(weights.shape().positions());
  return std::max({rows * kPanel, round_up(positions, 16) + 2 * round_up(head_size, 16),
                   static_cast<std::size_t>(weights.transformer().dim)});
}

// Angles of the rotary embedding as turn_heads reads them; position 0, the class, has none: cosine
// and sine are zero, as in LlamaGen.
void fill_rotation(const GeneratorConfig& config, const GeneratorShape& shape, float* cosines,
                   float* sines) {
  const int head_size = config.dim / config.heads, half = head_size / 2, quarter = half / 2;
  std::fill_n(cosines, head_size, 0.0f);
  std::fill_n(sines, head_size, 0.0f);
  for (int position = 1; position < shape.positions(); ++position)
    for (int pair = 0; pair < half; ++pair) {
      const int token = position - 1;
      const int place = pair < quarter ? token / shape.grid_columns : token % shape.grid_columns;
      const double angle =
          place * std::pow(config.rope_base, -static_cast<double>(pair % quarter) / quarter);
      const auto at = static_cast<std::size_t>(position * head_size + 2 * pair);
      cosines[at] = cosines[at + 1] = static_cast<float>(std::cos(angle));
      sines[at] = -static_cast<float>(std::sin(angle));
      sines[at + 1] = static_cast<float>(std::sin(angle));
    }
}

}  // namespace

TokenTransformer::TokenTransformer(const GeneratorWeights& weights, kernels::CacheType cache_type,
                                   std::size_t rows, ThreadPool& pool)
    : weights_(weights),
      pool_(pool),
      most_rows_(rows),
      layers_(static_cast<std::size_t>(weights.transformer().layers)),
      heads_(static_cast<std::size_t>(weights.transformer().heads)),
      dim_(static_cast<std::size_t>(weights.transformer().dim)),
      ffn_(static_cast<std::size_t>(weights.transformer().ffn_dim())),
      head_size_(dim_ / heads_),
      positions_(static_cast<std::size_t>(weights.shape().positions())),
      vocabulary_(static_cast<std::size_t>(weights.shape().vocabulary)),
      epsilon_(static_cast<float>(weights.transformer().norm_epsilon)),
      head_cache_{cache_type, positions_, head_size_},
      layer_cache_bytes_(heads_ * head_cache_.bytes()),
      cosines_(positions_ * head_size_),
      sines_(positions_ * head_size_),
      x_(rows * dim_),
      qkv_(rows * 3 * dim_),
      attended_(rows * dim_),
      hidden_(rows * ffn_),
      prepared_(rows > kFewRows ? rows * widest_prepared(weights) : 0) {
  fill_rotation(weights.transformer(), weights.shape(), cosines_.data(), sines_.data());
  for (int thread = 0; thread < pool.threads(); ++thread)
    own_.push_back({.scratch = AlignedArray<float>(scratch_floats(weights, rows)),
                    .prepared = AlignedBuffer(kFewRows * widest_prepared(weights))});
}

std::size_t TokenTransformer::cache_bytes(const GeneratorWeights& weights,
                                          kernels::CacheType type) {
  const auto& config = weights.transformer();
  const kernels::HeadCache head{type, static_cast<std::size_t>(weights.shape().positions()),
                                static_cast<std::size_t>(config.dim / config.heads)};
  return static_cast<std::size_t>(config.layers * config.heads) * head.bytes();
}

std::size_t TokenTransformer::work_bytes(const GeneratorWeights& weights, std::size_t rows,
                                         int threads) {
  const auto dim = static_cast<std::size_t>(weights.transformer().dim),
             ffn = static_cast<std::size_t>(weights.transformer().ffn_dim()),
             vocabulary = static_cast<std::size_t>(weights.shape().vocabulary);
  return rows * ((5 * dim + ffn + vocabulary) * sizeof(float) + widest_prepared(weights)) +
         static_cast<std::size_t>(threads) *
             (scratch_floats(weights, rows) * sizeof(float) + kFewRows * widest_prepared(weights));
}

void TokenTransformer::step(std::span<const SequenceStep> rows, float* logits) {
  TESSERA_CHECK(rows.size() <= most_rows_);
  embed(rows);  // x [rows, dim]
  for (std::size_t index = 0; index < layers_; ++index) {
    const auto& layer = weights_.layers()[index];
    attend(layer, index, rows);        // x += attention(norm(x))
    feed_forward(layer, rows.size());  // x += feed_forward(norm(x))
  }
  product(weights_.final_norm(), weights_.head(), rows.size(), logits);  // [rows, V]
}

void TokenTransformer::embed(std::span<const SequenceStep> rows) {
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const auto& [input, position, cache] = rows[row];
    TESSERA_CHECK(position < positions_);
    const auto* from =
        position == 0 ? weights_.class_embedding(input) : weights_.token_embedding(input);
    std::copy_n(from, dim_, x_.data() + row * dim_);
  }
}

// x_, normed: the row that a thread is to prepare.
auto TokenTransformer::normed_by(const float* norm) {
  return [this, norm](std::size_t row, int thread) -> const float* {
    float inverse;
    kernels::rms_norm(1, dim_, epsilon_, x_.data() + row * dim_, norm, &inverse, scratch(thread));
    return scratch(thread);
  };
}

template <typename Values, typename Body>
void TokenTransformer::for_each_panel(const kernels::PackedMatrix& matrix, std::size_t rows,
                                      const Values& values, const Body& body) {
  const auto bytes = kernels::prepared_bytes(weights_.type(), matrix.inputs);
  const auto prepare = [&](std::size_t row, int thread, std::byte* to) {
    kernels::prepare_row(weights_.type(), matrix.inputs, values(row, thread), to + row * bytes);
  };
  const bool shared = rows > kFewRows;
  if (shared)
    pool_.for_each(rows,
                   [&](std::size_t row, int thread) { prepare(row, thread, prepared_.data()); });
  else
    for (auto& own : own_) own.ready = false;
  const std::size_t panels = matrix.panels(),
                    run = kernels::panels_a_task(matrix, static_cast<std::size_t>(pool_.threads()));
  pool_.for_each((panels + run - 1) / run, [&](std::size_t task, int thread) {
    auto& own = own_[static_cast<std::size_t>(thread)];
    if (!shared && !own.ready) {
      for (std::size_t row = 0; row < rows; ++row) prepare(row, thread, own.prepared.data());
      own.ready = true;
    }
    const auto* prepared = shared ? prepared_.data() : own.prepared.data();
    for (std::size_t panel = task * run; panel < std::min((task + 1) * run, panels); ++panel)
      body(panel, prepared, thread);
  });
}

void TokenTransformer::attend(const Layer& layer, std::size_t index,
                              std::span<const SequenceStep> rows) {
  product(layer.attention_norm, layer.qkv, rows.size(), qkv_.data());  // [rows, 3 dim]
  // Neighbouring heads on one thread: the kernel fetches the next head's cache early.
  const std::size_t group = std::clamp<std::size_t>(
      rows.size() * heads_ / (kTasksPerThread * static_cast<std::size_t>(pool_.threads())), 1,
      heads_);
  const std::size_t groups = (heads_ + group - 1) / group;
  pool_.for_each(rows.size() * groups, [&](std::size_t task, int thread) {
    const std::size_t row = task / groups, first = task % groups * group;
    auto* cache = rows[row].cache + index * layer_cache_bytes_;
    for (std::size_t head = first; head < std::min(first + group, heads_); ++head)
      attend_head(layer, head, row, rows[row], cache + head * head_cache_.bytes(), thread);
  });
  add_product(attended_.data(), layer.attention_output, rows.size());
}

void TokenTransformer::attend_head(const Layer& layer, std::size_t head, std::size_t row,
                                   const SequenceStep& step, std::byte* cache, int thread) {
  float* query = scratch(thread);
  float* key = query + round_up(head_size_, 16);
  float* scores = key + round_up(head_size_, 16);
  const float* from = qkv_.data() + row * 3 * dim_ + head * head_size_;
  const kernels::HeadBlock block{1, head_size_, head_size_};
  const auto turn = [&](const float* weight) {
    return kernels::HeadTurn{weight, epsilon_, cosines_.data() + step.position * head_size_,
                             sines_.data() + step.position * head_size_};
  };
  kernels::turn_heads(block, turn(layer.query_norm), from, query);
  kernels::turn_heads(block, turn(layer.key_norm), from + dim_, key);
  kernels::append_to_cache(head_cache_, step.position, key, from + 2 * dim_, cache);
  kernels::attend(head_cache_, cache, step.position + 1,
                  1 / std::sqrt(static_cast<float>(head_size_)), query, scores,
                  attended_.data() + row * dim_ + head * head_size_);
}

void TokenTransformer::feed_forward(const Layer& layer, std::size_t rows) {
  for_each_panel(
      layer.gates, rows, normed_by(layer.ffn_norm),
      [&](std::size_t panel, const std::byte* prepared, int thread) {
        float* both = scratch(thread);  // [rows, gates | ups]
        kernels::multiply_panel(panel_of(layer.gates, panel), 0, rows, prepared, both, kPanel);
        const std::size_t first = panel * kGatesPerPanel,
                          count = std::min(kGatesPerPanel, ffn_ - first);
        for (std::size_t row = 0; row < rows; ++row)
          kernels::swiglu(count, both + row * kPanel, both + row * kPanel + kGatesPerPanel,
                          hidden_.data() + row * ffn_ + first);
      });
  add_product(hidden_.data(), layer.down, rows);
}

void TokenTransformer::add_product(const float* values, const kernels::PackedMatrix& matrix,
                                   std::size_t rows) {
  const auto row_of = [&](std::size_t row, int) { return values + row * matrix.inputs; };
  for_each_panel(
      matrix, rows, row_of, [&](std::size_t panel, const std::byte* prepared, int thread) {
        float* added = scratch(thread);  // [rows, 64]
        kernels::multiply_panel(panel_of(matrix, panel), 0, rows, prepared, added, kPanel);
        const std::size_t first = panel * kPanel, count = std::min(kPanel, matrix.outputs - first);
        for (std::size_t row = 0; row < rows; ++row)
          for (std::size_t i = 0; i < count; ++i)
            x_[row * dim_ + first + i] += added[row * kPanel + i];
      });
}

void TokenTransformer::product(const float* norm, const kernels::PackedMatrix& matrix,
                               std::size_t rows, float* out) {
  for_each_panel(matrix, rows, normed_by(norm),
                 [&](std::size_t panel, const std::byte* prepared, int) {
                   kernels::multiply_panel(matrix, panel, rows, prepared, out, matrix.outputs);
                 });
}

}  // namespace tessera
