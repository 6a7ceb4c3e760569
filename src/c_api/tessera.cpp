#include "tessera/tessera.h"

#include <atomic>
#include <climits>

#include "base/version.h"
#include "c_api/guarded.h"
#include "c_api/requests.h"
#include "c_api/sized_struct.h"

using namespace tessera;

struct tessera_engine {
  explicit tessera_engine(const EngineOptions& options) : engine(options) {}
  Engine engine;
  std::atomic_flag in_use;
};

namespace {

/// Refuses a second call beside the one under way, which it would pull the memory away from.
class OneCall {
 public:
  explicit OneCall(tessera_engine& engine) : engine_(engine) {
    if (engine_.in_use.test_and_set())
      throw Error("the engine is drawing or decoding, expected one call at a time");
  }
  ~OneCall() { engine_.in_use.clear(); }
  OneCall(const OneCall&) = delete;
  OneCall& operator=(const OneCall&) = delete;

 private:
  tessera_engine& engine_;
};

}  // namespace

int tessera_open(const tessera_options* options, tessera_engine** engine) {
  if (engine != nullptr) *engine = nullptr;
  return guarded([&] {
    require(engine, "engine");
    *engine = new tessera_engine(engine_options(options));
  });
}

void tessera_free(tessera_engine* engine) { delete engine; }

int tessera_get_info(const tessera_engine* engine, tessera_info* info) {
  return guarded([&] {
    require(engine, "engine");
    const auto& found = engine->engine.info();
    write_struct<tessera_info>({.size = 0,
                                .classes = static_cast<int>(found.classes.size()),
                                .grid_rows = found.grid_rows,
                                .grid_columns = found.grid_columns,
                                .vocabulary = found.vocabulary,
                                .image_width = found.image_width,
                                .image_height = found.image_height,
                                .weights = static_cast<int>(found.weights),
                                .cache = static_cast<int>(found.cache),
                                .threads = found.threads,
                                .most_rows = found.most_rows,
                                .instruction_set = found.instruction_set.c_str()},
                               info, "info");
  });
}

const char* tessera_class_name(const tessera_engine* engine, int label) {
  if (engine == nullptr) return nullptr;
  const auto& classes = engine->engine.info().classes;
  const bool known = label >= 0 && static_cast<std::size_t>(label) < classes.size();
  return known ? classes[static_cast<std::size_t>(label)].c_str() : nullptr;
}

int tessera_find_class(const tessera_engine* engine, const char* text, int* label) {
  return guarded([&] {
    require(engine, "engine");
    require(text, "text");
    require(label, "label");
    *label = engine->engine.find_class(text);
  });
}

int tessera_estimate_memory(const tessera_engine* engine, size_t images, int guided,
                            tessera_memory* memory) {
  return guarded([&] {
    require(engine, "engine");
    const auto most = std::min<std::size_t>(images, INT_MAX);  // more are not drawn at once
    const auto estimate = engine->engine.estimate(most, guided != 0);
    write_struct<tessera_memory>({.size = 0,
                                  .weights = estimate.weights,
                                  .caches = estimate.caches,
                                  .work = estimate.work,
                                  .decoder = estimate.decoder},
                                 memory, "memory");
  });
}

int tessera_draw(tessera_engine* engine, const tessera_request* requests, size_t count,
                 const tessera_callbacks* callbacks) {
  return guarded([&] {
    require(engine, "engine");
    const auto wanted = requests_of(requests, count);
    const auto told = callbacks_of(callbacks);
    const OneCall call(*engine);
    engine->engine.draw(wanted, told);
  });
}

void tessera_cancel(tessera_engine* engine) {
  if (engine != nullptr) engine->engine.cancel();
}

int tessera_decode(tessera_engine* engine, const int32_t* tokens, size_t token_count,
                   uint8_t* pixels, size_t pixel_bytes) {
  return guarded([&] {
    require(engine, "engine");
    require(tokens, "tokens");
    require(pixels, "pixels");
    const OneCall call(*engine);
    const auto picture = engine->engine.decode({tokens, token_count});
    if (picture.pixels.size() != pixel_bytes)
      throw Error("pixel_bytes is " + std::to_string(pixel_bytes) + ", expected " +
                  std::to_string(picture.pixels.size()));
    std::copy(picture.pixels.begin(), picture.pixels.end(), pixels);
  });
}

const char* tessera_last_error(void) { return last_error(); }

const char* tessera_version(void) { return kVersion; }
