#pragma once

#include <deque>
#include <functional>
#include <vector>

#include "base/random.h"
#include "engine/token_transformer.h"
#include "models/pick_token.h"
#include "recipe/generator_config.h"

namespace tessera {

/// The tokens of one image, to be drawn.
struct TokenRequest {
  std::int32_t label = 0;  ///< the number of classes is the null class
  std::uint64_t seed = 0;  ///< decides every token, with the rest of the request
  SamplingConfig sampling;
  std::vector<std::int32_t> kept;  ///< the first tokens, given; fewer than an image has
};

/// Draws the tokens of many images together: requests join whenever there is room and leave when
/// their image is complete (continuous batching). Guided images take two rows, the second of the
/// null class, up to the last token that is guided. An image's tokens depend on its request alone,
/// whatever is drawn beside it, at any number of threads.
class TokenSampler {
 public:
  /// What is told about an image; calls come from the thread that calls step().
  struct Observer {
    /// A token was drawn: `tokens` so far.
    std::function<void(std::size_t id, std::span<const std::int32_t> tokens)> token;
    /// The image is complete.
    std::function<void(std::size_t id, std::vector<std::int32_t> tokens)> image;
  };

  /// Borrows the transformer, whose rows() is the room there is: at least 2.
  TokenSampler(TokenTransformer& transformer, Observer observer);

  /// Puts a request at the end of the queue; `id` names it to the observer. Throws Error for a
  /// class, a kept token or a setting out of range.
  void add(std::size_t id, TokenRequest request);
  /// Drops requests, whether they wait or are under way.
  void cancel(const std::function<bool(std::size_t id)>& dropped);
  /// Draws the next token of every image under way, after letting in those for which there is
  /// room. Returns how many are left, under way or waiting.
  std::size_t step();

  std::size_t rows_under_way() const;

 private:
  struct Image {
    std::size_t id;
    TokenRequest request;
    std::vector<double> scales;  // of guidance, at every token
    std::size_t guided;          // no token from here on is
    std::vector<std::int32_t> tokens;
    std::vector<AlignedBuffer> caches;  // its own, and its unguided twin's while there is one
    Rng random;

    std::size_t rows() const { return caches.size(); }
    std::int32_t input(bool twin, std::int32_t null_class) const;
  };

  void let_in();
  std::vector<SequenceStep> rows_to_step();
  void draw_tokens(const std::vector<std::size_t>& first_rows);
  std::int32_t draw(Image& image, std::size_t first_row, std::size_t thread);
  AlignedBuffer take_cache();
  void give_back(Image& image, std::size_t rows);

  TokenTransformer& transformer_;
  Observer observer_;
  std::deque<Image> waiting_;
  std::vector<Image> under_way_;
  std::vector<AlignedBuffer> free_caches_;
  AlignedArray<float> logits_;  // [rows, V]
  // One a thread.
  std::vector<AlignedArray<float>> guided_;  // [V]
  std::vector<TokenPicker> pickers_;
};

}  // namespace tessera
