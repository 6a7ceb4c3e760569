#include "generator/kv_cache.h"

namespace tessera {

KvCache::KvCache(int layers, std::int64_t rows, int heads, int positions, int head_size,
                 const torch::TensorOptions& options) {
  const std::vector<std::int64_t> shape = {rows, heads, positions, head_size};
  for (int layer = 0; layer < layers; ++layer)
    layers_.push_back({torch::empty(shape, options), torch::empty(shape, options)});
}

KvCache::Layer KvCache::append(int layer, const torch::Tensor& key, const torch::Tensor& value) {
  auto& [keys, values] = layers_[static_cast<std::size_t>(layer)];
  keys.narrow(2, length_, 1).copy_(key);
  values.narrow(2, length_, 1).copy_(value);
  return {keys.narrow(2, 0, length_ + 1), values.narrow(2, 0, length_ + 1)};
}

void KvCache::keep_rows(std::int64_t rows) {
  for (auto& [keys, values] : layers_) {
    keys = keys.narrow(0, 0, rows);
    values = values.narrow(0, 0, rows);
  }
}

int KvCache::capacity() const { return static_cast<int>(layers_.front().keys.size(2)); }

std::int64_t KvCache::rows() const { return layers_.front().keys.size(0); }

}  // namespace tessera
