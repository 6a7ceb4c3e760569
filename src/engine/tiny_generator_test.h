// A generator of a few thousand random weights, and its forward pass in double precision: what the
// engine's tests hold it against.
#pragma once

#include <cmath>
#include <map>
#include <numeric>

#include "base/testing.h"
#include "models/generator_folder.h"

namespace tessera {

/// Tensors of a generator, by name.
using PlainWeights = std::map<std::string, std::vector<float>>;

struct TinyGenerator {
  GeneratorConfig config{.layers = 2, .heads = 3, .dim = 36, .ffn_multiple = 20, .qk_norm = true};
  GeneratorShape shape{.vocabulary = 70, .classes = 3, .grid_rows = 3, .grid_columns = 4};
  PlainWeights weights;
  std::map<std::string, std::vector<std::int64_t>> shapes;

  explicit TinyGenerator(std::uint64_t seed = 1) { fill(seed); }
  explicit TinyGenerator(const GeneratorConfig& other, const GeneratorShape& other_shape)
      : config(other), shape(other_shape) {
    fill(1);
  }

  void fill(std::uint64_t seed) {
    const std::int64_t dim = config.dim, ffn = config.ffn_dim(), size = config.dim / config.heads;
    Rng rng(seed);
    add("cls_embedding.embedding_table.weight", {shape.classes + 1, dim}, rng);
    add("tok_embeddings.weight", {shape.vocabulary, dim}, rng);
    for (int layer = 0; layer < config.layers; ++layer) {
      const std::string name = "layers." + std::to_string(layer) + ".";
      add(name + "attention_norm.weight", {dim}, rng);
      add(name + "ffn_norm.weight", {dim}, rng);
      add(name + "attention.wqkv.weight", {3 * dim, dim}, rng);
      add(name + "attention.wo.weight", {dim, dim}, rng);
      add(name + "feed_forward.w1.weight", {ffn, dim}, rng);
      add(name + "feed_forward.w3.weight", {ffn, dim}, rng);
      add(name + "feed_forward.w2.weight", {dim, ffn}, rng);
      if (!config.qk_norm) continue;
      add(name + "attention.q_norm.weight", {size}, rng);
      add(name + "attention.k_norm.weight", {size}, rng);
    }
    add("norm.weight", {dim}, rng);
    add("output.weight", {shape.vocabulary, dim}, rng);
  }
  void add(const std::string& name, const std::vector<std::int64_t>& sides, Rng& rng) {
    std::size_t count = 1;
    for (const auto side : sides) count *= static_cast<std::size_t>(side);
    auto& values = weights[name];
    shapes[name] = sides;
    // Of the size that keeps activations near one; norms around one.
    const double scale = sides.size() == 1 ? 0.3 : 1.7 / std::sqrt(static_cast<double>(sides[1]));
    for (std::size_t i = 0; i < count; ++i)
      values.push_back(static_cast<float>((sides.size() == 1) + scale * (2 * rng.uniform() - 1)));
  }

  ModelConfig model_config(const std::string& tokenizer = std::string(64, '0')) const {
    ModelConfig model;
    model.kind = "generator";
    model.recipe.generator = config;
    model.made_by = {{"test", true}};
    for (int label = 0; label < shape.classes; ++label)
      model.class_names.push_back("class " + std::to_string(label));
    model.extra = {{"vocabulary", shape.vocabulary},
                   {"grid", {shape.grid_rows, shape.grid_columns}},
                   {"tokenizer", tokenizer}};
    return model;
  }
  /// For tokens of the tokenizer whose hash this is.
  void write(const fs::path& folder, const std::string& tokenizer = std::string(64, '0')) const {
    write_model_config(folder, model_config(tokenizer));
    std::vector<TensorView> views;
    for (const auto& [name, values] : weights)
      views.push_back({name, DType::F32, shapes.at(name), std::as_bytes(std::span(values))});
    write_safetensors(folder / "model.safetensors", views, {{"format", kModelFormat}});
  }

  /// Logits [T, V] of a sequence, in double precision, with the definition's loops.
  std::vector<std::vector<double>> logits(int label, const std::vector<std::int32_t>& tokens) const;
};

namespace reference {

using Vector = std::vector<double>;

inline Vector times(const std::vector<float>& matrix, const Vector& x) {
  Vector y(matrix.size() / x.size(), 0.0);
  for (std::size_t i = 0; i < y.size(); ++i)
    for (std::size_t k = 0; k < x.size(); ++k) y[i] += double{matrix[i * x.size() + k]} * x[k];
  return y;
}
inline Vector normed(const Vector& x, const std::vector<float>& weight, double epsilon) {
  const double mean =
      std::inner_product(x.begin(), x.end(), x.begin(), 0.0) / static_cast<double>(x.size());
  Vector y(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) y[i] = x[i] / std::sqrt(mean + epsilon) * weight[i];
  return y;
}

}  // namespace reference

inline std::vector<std::vector<double>> TinyGenerator::logits(
    int label, const std::vector<std::int32_t>& tokens) const {
  using reference::Vector;
  const auto dim = static_cast<std::size_t>(config.dim),
             size = dim / static_cast<std::size_t>(config.heads);
  const auto steps = static_cast<std::size_t>(shape.positions());
  std::vector<std::vector<Vector>> keys(static_cast<std::size_t>(config.layers)), values = keys;
  std::vector<Vector> all;
  for (std::size_t t = 0; t < steps; ++t) {
    const auto& table =
        weights.at(t == 0 ? "cls_embedding.embedding_table.weight" : "tok_embeddings.weight");
    const auto row = static_cast<std::size_t>(t == 0 ? label : tokens[t - 1]) * dim;
    Vector x(table.begin() + static_cast<std::ptrdiff_t>(row),
             table.begin() + static_cast<std::ptrdiff_t>(row + dim));
    const auto turn = [&](Vector& v, const std::string& norm) {  // a whole [heads * size]
      for (std::size_t first = 0; first < dim; first += size) {
        Vector head(v.begin() + static_cast<std::ptrdiff_t>(first),
                    v.begin() + static_cast<std::ptrdiff_t>(first + size));
        if (config.qk_norm) head = reference::normed(head, weights.at(norm), config.norm_epsilon);
        for (std::size_t pair = 0; pair < size / 2; ++pair) {
          double cosine = 0, sine = 0;
          if (t > 0) {
            const auto columns = static_cast<std::size_t>(shape.grid_columns), quarter = size / 4;
            const auto place = pair < quarter ? (t - 1) / columns : (t - 1) % columns;
            const double angle = static_cast<double>(place) *
                                 std::pow(config.rope_base, -static_cast<double>(pair % quarter) /
                                                                static_cast<double>(quarter));
            cosine = std::cos(angle), sine = std::sin(angle);
          }
          v[first + 2 * pair] = head[2 * pair] * cosine - head[2 * pair + 1] * sine;
          v[first + 2 * pair + 1] = head[2 * pair + 1] * cosine + head[2 * pair] * sine;
        }
      }
    };
    for (std::size_t layer = 0; layer < keys.size(); ++layer) {
      const auto name = [&](const char* rest) {
        return "layers." + std::to_string(layer) + "." + rest + ".weight";
      };
      const auto qkv = reference::times(
          weights.at(name("attention.wqkv")),
          reference::normed(x, weights.at(name("attention_norm")), config.norm_epsilon));
      const auto part = [&](std::size_t index) {
        return Vector(qkv.begin() + static_cast<std::ptrdiff_t>(index * dim),
                      qkv.begin() + static_cast<std::ptrdiff_t>((index + 1) * dim));
      };
      auto query = part(0), key = part(1);
      turn(query, name("attention.q_norm"));
      turn(key, name("attention.k_norm"));
      keys[layer].push_back(key);
      values[layer].push_back(part(2));
      Vector mixed(dim, 0.0);
      for (std::size_t first = 0; first < dim; first += size) {
        Vector share;
        double total = 0;
        for (const auto& past : keys[layer]) {
          double score = 0;
          for (std::size_t i = first; i < first + size; ++i) score += query[i] * past[i];
          share.push_back(std::exp(score / std::sqrt(static_cast<double>(size))));
          total += share.back();
        }
        for (std::size_t past = 0; past < share.size(); ++past)
          for (std::size_t i = first; i < first + size; ++i)
            mixed[i] += share[past] / total * values[layer][past][i];
      }
      const auto attended = reference::times(weights.at(name("attention.wo")), mixed);
      for (std::size_t i = 0; i < dim; ++i) x[i] += attended[i];
      const auto normed = reference::normed(x, weights.at(name("ffn_norm")), config.norm_epsilon);
      auto gate = reference::times(weights.at(name("feed_forward.w1")), normed);
      const auto up = reference::times(weights.at(name("feed_forward.w3")), normed);
      for (std::size_t i = 0; i < gate.size(); ++i)
        gate[i] = gate[i] / (1 + std::exp(-gate[i])) * up[i];
      const auto down = reference::times(weights.at(name("feed_forward.w2")), gate);
      for (std::size_t i = 0; i < dim; ++i) x[i] += down[i];
    }
    all.push_back(
        reference::times(weights.at("output.weight"),
                         reference::normed(x, weights.at("norm.weight"), config.norm_epsilon)));
  }
  return all;
}

}  // namespace tessera
