// Tessera's engine: opens the model folders that Tessera trains or imports and draws images on the
// processor, without LibTorch. This header is the whole C++ interface; tessera.h is the C one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace tessera {

/// How weights are held. `automatic` is what a packed folder holds, else the recipe's precision
/// (float32 for imported models), and where that leaves it open bf16 if the processor multiplies
/// bf16 numbers, else float32.
enum class Weights { automatic, float32, bf16, int8, int4 };

/// How keys and values of attention are held. `automatic` is float32 with float32 weights, else
/// bf16.
enum class Cache { automatic, float32, bf16, int8 };

/// What to open: a generator and the tokenizer whose tokens it writes, or a pipeline that holds
/// both. Without a tokenizer the engine draws tokens only.
struct EngineOptions {
  std::string generator, tokenizer;  ///< model folders
  std::string pipeline;              ///< folder written by `tessera export pipeline`
  Weights weights = Weights::automatic;
  Cache cache = Cache::automatic;
  int threads = 0;    ///< 0 is one for each core
  int most_rows = 0;  ///< sequences stepped together; 0 is 256, or as many as memory allows
};

/// One image to draw. What is absent comes from the generator's recipe.
struct Request {
  static constexpr int kNoClass = -1;

  int label = kNoClass;    ///< number of a class, or kNoClass
  std::uint64_t seed = 0;  ///< equal requests give equal images on one instruction set
  std::optional<double> cfg, temperature, top_p;
  std::optional<int> top_k;
  std::optional<std::string> cfg_schedule;  ///< constant, interval:A:B or power-cosine:P
  std::vector<std::int32_t> kept;           ///< the first tokens, given
  int previews = 0;  ///< decoded on the way, 0 to 4, since each costs what the image costs
};

/// 8-bit RGB, [height, width, 3], rows from the top; empty without a tokenizer.
struct Picture {
  int width = 0, height = 0;
  std::vector<std::uint8_t> pixels;
};

struct Drawn {
  std::vector<std::int32_t> tokens;  ///< along the rows
  Picture picture;
};

/// What is told while images are drawn; any of these may be empty. Calls come from the thread that
/// called draw(), one at a time. `image` is the place of a request.
struct Callbacks {
  /// A row of tokens is complete.
  std::function<void(std::size_t image, std::span<const std::int32_t> tokens)> row;
  /// A preview: what is not yet drawn is grey. It comes some tokens late, since it is decoded while
  /// more are drawn.
  std::function<void(std::size_t image, const Picture& preview)> preview;
  /// The image is complete.
  std::function<void(std::size_t image, const Drawn& drawn)> image;
};

/// Bytes, told before a run.
struct MemoryEstimate {
  std::size_t weights = 0;  ///< of the generator
  std::size_t caches = 0;   ///< keys and values of all rows
  std::size_t work = 0;     ///< vectors of a step
  std::size_t decoder = 0;  ///< the tokenizer's weights and activations
  std::size_t total() const { return weights + caches + work + decoder; }
};

/// What was opened.
struct EngineInfo {
  std::vector<std::string> classes;
  int grid_rows = 0, grid_columns = 0;  ///< tokens of an image
  int vocabulary = 0;
  int image_width = 0, image_height = 0;  ///< pixels; 0 without a tokenizer
  Weights weights = Weights::automatic;
  Cache cache = Cache::automatic;
  int threads = 0, most_rows = 0;
  std::string instruction_set;
};

/// draw() was cancelled.
class Cancelled : public std::runtime_error {
 public:
  Cancelled() : std::runtime_error("drawing was cancelled") {}
};

/// Two opened models and the threads that run them. The tokenizer is opened in the background: what
/// is wrong with its weights is thrown by the first draw(). Throws tessera::Error (a
/// std::runtime_error whose message is one line for the user) for bad input, nothing else.
class Engine {
 public:
  explicit Engine(const EngineOptions& options);
  ~Engine();
  Engine(Engine&&) noexcept;
  Engine& operator=(Engine&&) noexcept;

  const EngineInfo& info() const;
  /// The number of a class that `text` names, by name or number. Throws Error with the nearest
  /// name.
  int find_class(const std::string& text) const;

  /// What drawing so many images at once will take, guided ones by two rows each.
  MemoryEstimate estimate(std::size_t images, bool guided) const;

  /// Draws all of them, as many at a time as there are rows, and returns them in their order. One
  /// call at a time. Throws Error when a request is out of range or more than memory holds, and
  /// Cancelled.
  std::vector<Drawn> draw(std::span<const Request> requests, const Callbacks& callbacks = {});
  /// Ends the draw() under way, within a step; from any thread or callback.
  void cancel();

  /// Tokens [grid_rows * grid_columns] to pixels. Throws Error when one is out of range.
  Picture decode(std::span<const std::int32_t> tokens);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tessera
