#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/bf16.h"

namespace tessera::kernels {

/// log(sum(exp(row))) of each row of [rows, columns], in float32 and shifted by the row's largest
/// value.
void log_sum_exp(std::size_t rows, std::size_t columns, const float* values, float* log_sums);
void log_sum_exp(std::size_t rows, std::size_t columns, const Bf16* values, float* log_sums);

/// The gradient of logits [rows, columns] from `nats_gradient` [rows], that of -log
/// softmax(logits)[target], given their log_sum_exp: nats_gradient * (softmax(logits) - one at the
/// target).
void cross_entropy_gradient(std::size_t rows, std::size_t columns, const float* logits,
                            const float* log_sums, const std::int64_t* targets,
                            const float* nats_gradient, float* gradient);
void cross_entropy_gradient(std::size_t rows, std::size_t columns, const Bf16* logits,
                            const float* log_sums, const std::int64_t* targets,
                            const float* nats_gradient, Bf16* gradient);

/// Rows of square matrices of attention scores [..., columns, columns], in place; `first` is the
/// index of the first row, so that row first + i belongs to position t = (first + i) % columns. It
/// becomes softmax(scale * row) over its first t + 1 values and zero beyond.
void causal_softmax(std::size_t rows, std::size_t columns, std::size_t first, float scale,
                    float* scores);
void causal_softmax(std::size_t rows, std::size_t columns, std::size_t first, float scale,
                    Bf16* scores);

/// The gradient of the scores from `shares`, what causal_softmax made, and their gradient, which is
/// overwritten.
void causal_softmax_gradient(std::size_t rows, std::size_t columns, std::size_t first, float scale,
                             const float* shares, float* gradient);
void causal_softmax_gradient(std::size_t rows, std::size_t columns, std::size_t first, float scale,
                             const Bf16* shares, Bf16* gradient);

}  // namespace tessera::kernels
