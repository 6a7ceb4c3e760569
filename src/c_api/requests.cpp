#include "c_api/requests.h"

#include <cmath>

#include "c_api/sized_struct.h"

namespace tessera {
namespace {

std::string text_of(const char* text) { return text == nullptr ? "" : text; }

template <typename Enum>
Enum choice(int number, Enum last, const char* name) {
  if (number < 0 || number > static_cast<int>(last))
    throw Error(std::string(name) + " is " + std::to_string(number) + ", expected 0 to " +
                std::to_string(static_cast<int>(last)));
  return static_cast<Enum>(number);
}

std::optional<double> unless_nan(double value) {
  return std::isnan(value) ? std::nullopt : std::optional(value);
}

Request request_of(const tessera_request& given) {
  Request request{.label = given.label,
                  .seed = given.seed,
                  .cfg = unless_nan(given.cfg),
                  .temperature = unless_nan(given.temperature),
                  .top_p = unless_nan(given.top_p),
                  .previews = given.previews};
  if (given.top_k >= 0) request.top_k = given.top_k;
  if (given.cfg_schedule != nullptr) request.cfg_schedule = given.cfg_schedule;
  if (given.kept_count > 0) {
    require(given.kept, "kept");
    request.kept.assign(given.kept, given.kept + given.kept_count);
  }
  return request;
}

using Callback = int (*)(void* user, std::size_t index, const tessera_image* image);

void call(Callback callback, void* user, std::size_t index, const tessera_image& image) {
  if (callback(user, index, &image) != 0) throw Cancelled();
}

tessera_image image_of(std::span<const std::int32_t> tokens, const Picture& picture) {
  return {.tokens = tokens.empty() ? nullptr : tokens.data(),
          .token_count = tokens.size(),
          .pixels = picture.pixels.empty() ? nullptr : picture.pixels.data(),
          .width = picture.width,
          .height = picture.height};
}

}  // namespace

EngineOptions engine_options(const tessera_options* options) {
  const auto given = read_struct<tessera_options>(options, TESSERA_OPTIONS_INIT, "options");
  return {.generator = text_of(given.generator),
          .tokenizer = text_of(given.tokenizer),
          .pipeline = text_of(given.pipeline),
          .weights = choice(given.weights, Weights::int4, "weights"),
          .cache = choice(given.cache, Cache::int8, "cache"),
          .threads = given.threads,
          .most_rows = given.most_rows};
}

// The caller's structs may be shorter than ours, but all are alike.
std::vector<Request> requests_of(const tessera_request* requests, std::size_t count) {
  std::vector<Request> all;
  if (count == 0) return all;
  require_known_size(requests, "requests[0]");
  const auto* at = reinterpret_cast<const std::byte*>(requests);
  for (std::size_t index = 0; index < count; ++index, at += requests->size) {
    const auto name = "requests[" + std::to_string(index) + "]";
    tessera_request request = TESSERA_REQUEST_INIT;
    std::memcpy(&request, at, requests->size);
    if (request.size != requests->size)
      throw Error(name + ".size is " + std::to_string(request.size) + ", expected " +
                  std::to_string(requests->size) + " as in requests[0]");
    all.push_back(request_of(request));
  }
  return all;
}

Callbacks callbacks_of(const tessera_callbacks* callbacks) {
  const auto given = read_struct<tessera_callbacks>(callbacks, TESSERA_CALLBACKS_INIT, "callbacks");
  Callbacks all;
  if (given.row != nullptr)
    all.row = [given](std::size_t index, std::span<const std::int32_t> tokens) {
      call(given.row, given.user, index, image_of(tokens, {}));
    };
  if (given.preview != nullptr)
    all.preview = [given](std::size_t index, const Picture& preview) {
      call(given.preview, given.user, index, image_of({}, preview));
    };
  if (given.image != nullptr)
    all.image = [given](std::size_t index, const Drawn& drawn) {
      call(given.image, given.user, index, image_of(drawn.tokens, drawn.picture));
    };
  return all;
}

}  // namespace tessera
