#pragma once

#include <cstddef>

namespace tessera::kernels {

/// Factors of one AdamW step (Loshchilov and Hutter, 2017):
///   first = beta1 first + (1 - beta1) g;  second = beta2 second + (1 - beta2) g^2;  g =
///   gradient_scale gradient parameter = keep parameter - rate first / (spread sqrt(second) +
///   epsilon)
/// where keep, rate and spread hold the learning rate, weight decay and bias corrections.
struct AdamWFactors {
  float beta1, beta2, gradient_scale, keep, rate, spread, epsilon;
};

/// Updates `count` parameters and their moments in one pass over memory.
void adamw(const AdamWFactors& factors, std::size_t count, const float* gradient, float* parameter,
           float* first, float* second);

/// The same one by one: the specification.
void adamw_reference(const AdamWFactors& factors, std::size_t count, const float* gradient,
                     float* parameter, float* first, float* second);

/// Sum of squares, in float64.
double sum_of_squares(std::size_t count, const float* values);

}  // namespace tessera::kernels
