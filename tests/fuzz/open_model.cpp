// Model folders are bytes from outside. Opens any as a generator and as a tokenizer and, where that
// succeeds, runs what was opened: only tessera::Error may leave, and nothing may be read that is
// not there.
//
// An input is config.json, a 0 byte, and model.safetensors. Weights may be left out, so that inputs
// are small and most changes hit what matters: they are made up to the largest number in the file.
#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/testing.h"
#include "engine/image_decoder.h"
#include "engine/token_transformer.h"

namespace tessera {
namespace {

constexpr std::size_t kMostWeightBytes = 4 << 20;
// A model that wants more is refused where its memory is estimated (Engine), which is not here.
constexpr std::size_t kMostRunBytes = 64 << 20;

// The largest number in a text, as far as it is a size that weights may have: most often the end of
// the last tensor.
std::size_t largest_number(std::string_view text) {
  std::size_t largest = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    std::size_t number = 0;
    for (; at < text.size() && std::isdigit(static_cast<unsigned char>(text[at])); ++at)
      number = std::min(number * 10 + static_cast<std::size_t>(text[at] - '0'), SIZE_MAX / 16);
    if (number <= kMostWeightBytes) largest = std::max(largest, number);
  }
  return largest;
}

std::string with_weights(std::string file) {
  constexpr std::size_t kLengthBytes = 8;
  const std::string some = "\xcd\xcc\x4c\x3d";  // 0.05
  if (file.size() < kLengthBytes || file.size() > kMostWeightBytes) return file;
  const auto end = file.size() + largest_number(file);
  while (file.size() + some.size() <= end) file += some;
  return file;
}

template <typename Act>
void refuse_or(const Act& act) {
  try {
    act();
  } catch (const Error&) {
  }
}

void step_generator(const fs::path& folder, ThreadPool& pool) {
  using kernels::CacheType;
  const auto weights = GeneratorWeights::open(folder, {}, pool);
  if (TokenTransformer::cache_bytes(weights, CacheType::float32) +
          TokenTransformer::work_bytes(weights, 1, pool.threads()) >
      kMostRunBytes)
    return;
  TokenTransformer transformer(weights, CacheType::float32, 1, pool);
  AlignedBuffer cache(transformer.cache_bytes());
  std::vector<float> logits(transformer.vocabulary());
  transformer.step({{{.input = 0, .position = 0, .cache = cache.data()}}}, logits.data());
}

void decode_one_token(const fs::path& folder, ThreadPool& pool) {
  auto decoder = ImageDecoder::open(folder, {ActivationType::float32}, pool);
  if (decoder.memory(1, 1) > kMostRunBytes) return;
  const auto side = static_cast<std::size_t>(decoder.pixels_per_token());
  std::vector<float> pixels(side * side * 3);
  decoder.decode(std::vector<std::int32_t>{0}, 1, 1, pixels);
}

void open_model(std::string_view input) {
  static const TemporaryFolder folder;
  static ThreadPool pool(1);
  const auto middle = std::min(input.find('\0'), input.size());
  write_file(folder / "config.json", std::string(input.substr(0, middle)));
  input.remove_prefix(std::min(middle + 1, input.size()));
  write_file(folder / "model.safetensors", with_weights(std::string(input)));
  refuse_or([&] { step_generator(folder / ".", pool); });
  refuse_or([&] { decode_one_token(folder / ".", pool); });
}

}  // namespace
}  // namespace tessera

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  return ::setenv("TESSERA_CACHE", "", 1);  // nothing is kept
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tessera::open_model({reinterpret_cast<const char*>(data), size});
  return 0;
}
