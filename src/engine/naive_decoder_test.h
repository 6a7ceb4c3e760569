// The VQ decoder as plain loops in double precision, written down from the architecture: what the
// image decoder is tested against.
#pragma once

#include <cmath>

#include "engine/random_tokenizer_test.h"

namespace tessera {

/// [channels][rows][columns]
struct NaiveMap {
  int channels, rows, columns;
  std::vector<double> values;

  NaiveMap(int c, int h, int w)
      : channels(c), rows(h), columns(w), values(MapShape{h, w, c}.size()) {}
  double& at(int c, int y, int x) {
    return values[static_cast<std::size_t>((c * rows + y) * columns + x)];
  }
  double padded(int c, int y, int x) {  // zeros around the map
    return y < 0 || x < 0 || y >= rows || x >= columns ? 0 : at(c, y, x);
  }
};

class NaiveDecoder {
 public:
  NaiveDecoder(const TokenizerConfig& config, std::map<std::string, NamedTensor> tensors)
      : config_(config), tensors_(std::move(tensors)) {}

  /// [height, width, 3]
  std::vector<double> decode(const std::vector<std::int32_t>& codes, int rows, int columns) {
    auto x = convolution(look_up(codes, rows, columns), "post_quant_conv");
    x = convolution(x, "decoder.conv_in");
    x = residual(x, "decoder.mid.0");
    x = attention(x, "decoder.mid.1");
    x = residual(x, "decoder.mid.2");
    for (std::size_t level = 0; level < config_.multipliers.size(); ++level) {
      const auto name = "decoder.conv_blocks." + std::to_string(level);
      for (int block = 0; block < config_.decoder_blocks; ++block) {
        x = residual(x, name + ".res." + std::to_string(block));
        if (level == 0) x = attention(x, name + ".attn." + std::to_string(block));
      }
      if (level + 1 < config_.multipliers.size())
        x = convolution(doubled(x), name + ".upsample.conv");
    }
    x = convolution(norm(x, "decoder.norm_out", true), "decoder.conv_out");
    std::vector<double> pixels;
    for (int y = 0; y < x.rows; ++y)
      for (int column = 0; column < x.columns; ++column)
        for (int c = 0; c < 3; ++c) pixels.push_back(x.at(c, y, column));
    return pixels;
  }

 private:
  const std::vector<float>& values(const std::string& name) { return tensors_.at(name).values; }

  NaiveMap look_up(const std::vector<std::int32_t>& codes, int rows, int columns) {
    NaiveMap map(config_.code_size, rows, columns);
    const auto& book = values("quantize.embedding.weight");
    for (int i = 0; i < rows * columns; ++i) {
      const auto* code =
          &book[static_cast<std::size_t>(codes[static_cast<std::size_t>(i)] * config_.code_size)];
      double squares = 0;
      for (int c = 0; c < config_.code_size; ++c) squares += double{code[c]} * code[c];
      for (int c = 0; c < config_.code_size; ++c)
        map.at(c, i / columns, i % columns) =
            config_.l2_normalised ? code[c] / std::sqrt(squares) : code[c];
    }
    return map;
  }

  NaiveMap convolution(NaiveMap x, const std::string& name) {
    const auto& shape = tensors_.at(name + ".weight").shape;
    const auto &weight = values(name + ".weight"), &bias = values(name + ".bias");
    const int kernel = static_cast<int>(shape[2]), outputs = static_cast<int>(shape[0]);
    NaiveMap y(outputs, x.rows, x.columns);
    for (int out = 0; out < outputs; ++out)
      for (int row = 0; row < x.rows; ++row)
        for (int column = 0; column < x.columns; ++column) {
          double sum = bias[static_cast<std::size_t>(out)];
          auto* w = &weight[static_cast<std::size_t>(out * x.channels * kernel * kernel)];
          for (int in = 0; in < x.channels; ++in)
            for (int i = 0; i < kernel; ++i)
              for (int j = 0; j < kernel; ++j)
                sum += *w++ * x.padded(in, row + i - kernel / 2, column + j - kernel / 2);
          y.at(out, row, column) = sum;
        }
    return y;
  }

  NaiveMap norm(NaiveMap x, const std::string& name, bool silu) {
    const int width = x.channels / 32;
    const double count = static_cast<double>(width) * x.rows * x.columns;
    for (int first = 0; first < x.channels; first += width) {
      const auto for_each = [&](auto body) {
        for (int c = first; c < first + width; ++c)
          for (int i = 0; i < x.rows * x.columns; ++i)
            body(c, x.at(c, i / x.columns, i % x.columns));
      };
      double mean = 0, variance = 0;
      for_each([&](int, double value) { mean += value / count; });
      for_each([&](int, double value) { variance += (value - mean) * (value - mean) / count; });
      for_each([&](int c, double& value) {
        const auto channel = static_cast<std::size_t>(c);
        value = (value - mean) / std::sqrt(variance + 1e-6) * values(name + ".weight")[channel] +
                values(name + ".bias")[channel];
        if (silu) value /= 1 + std::exp(-value);
      });
    }
    return x;
  }

  NaiveMap residual(NaiveMap x, const std::string& name) {
    auto h = convolution(norm(x, name + ".norm1", true), name + ".conv1");
    h = convolution(norm(h, name + ".norm2", true), name + ".conv2");
    if (tensors_.contains(name + ".nin_shortcut.weight"))
      x = convolution(x, name + ".nin_shortcut");
    for (std::size_t i = 0; i < x.values.size(); ++i) x.values[i] += h.values[i];
    return x;
  }

  NaiveMap attention(NaiveMap x, const std::string& name) {
    const auto h = norm(x, name + ".norm", false);
    auto q = convolution(h, name + ".q"), k = convolution(h, name + ".k"),
         v = convolution(h, name + ".v"), mixed = v;
    const int positions = x.rows * x.columns;
    const auto value = [&](NaiveMap& map, int c, int position) -> double& {
      return map.at(c, position / x.columns, position % x.columns);
    };
    for (int at = 0; at < positions; ++at) {
      std::vector<double> shares;
      double total = 0;
      for (int other = 0; other < positions; ++other) {
        double score = 0;
        for (int c = 0; c < x.channels; ++c) score += value(q, c, at) * value(k, c, other);
        shares.push_back(std::exp(score / std::sqrt(x.channels)));
        total += shares.back();
      }
      for (int c = 0; c < x.channels; ++c) {
        double sum = 0;
        for (int other = 0; other < positions; ++other)
          sum += shares[static_cast<std::size_t>(other)] / total * value(v, c, other);
        value(mixed, c, at) = sum;
      }
    }
    mixed = convolution(mixed, name + ".proj_out");
    for (std::size_t i = 0; i < x.values.size(); ++i) x.values[i] += mixed.values[i];
    return x;
  }

  static NaiveMap doubled(NaiveMap x) {
    NaiveMap y(x.channels, 2 * x.rows, 2 * x.columns);
    for (int c = 0; c < y.channels; ++c)
      for (int row = 0; row < y.rows; ++row)
        for (int column = 0; column < y.columns; ++column)
          y.at(c, row, column) = x.at(c, row / 2, column / 2);
    return y;
  }

  TokenizerConfig config_;
  std::map<std::string, NamedTensor> tensors_;
};

}  // namespace tessera
