#include "engine/token_sampler.h"

#include <algorithm>

#include "base/error.h"
#include "recipe/guidance.h"

namespace tessera {
namespace {

void check(const TokenRequest& request, const GeneratorShape& shape) {
  request.sampling.validate();
  if (request.label < 0 || request.label > shape.classes)
    throw Error("class is " + std::to_string(request.label) + ", expected 0 to " +
                std::to_string(shape.classes - 1) + ", or " + std::to_string(shape.classes) +
                " for none");
  if (request.kept.size() >= static_cast<std::size_t>(shape.positions()))
    throw Error("an image of " + std::to_string(shape.positions()) + " tokens cannot keep " +
                std::to_string(request.kept.size()));
  for (const auto token : request.kept)
    if (token < 0 || token >= shape.vocabulary)
      throw Error("a kept token is " + std::to_string(token) + ", expected 0 to " +
                  std::to_string(shape.vocabulary - 1));
}

std::vector<double> scales_of(const SamplingConfig& sampling, int positions) {
  const auto schedule = parse_guidance_schedule(sampling.cfg_schedule, "sampling.cfg_schedule");
  std::vector<double> scales;
  for (int position = 0; position < positions; ++position)
    scales.push_back(schedule.scale(sampling.cfg, position, positions));
  return scales;
}

}  // namespace

TokenSampler::TokenSampler(TokenTransformer& transformer, Observer observer)
    : transformer_(transformer),
      observer_(std::move(observer)),
      logits_(transformer.rows() * transformer.vocabulary()),
      pickers_(static_cast<std::size_t>(transformer.pool().threads())) {
  TESSERA_CHECK(transformer.rows() >= 2);
  for (int thread = 0; thread < transformer.pool().threads(); ++thread)
    guided_.emplace_back(transformer.vocabulary());
}

void TokenSampler::add(std::size_t id, TokenRequest request) {
  const auto& shape = transformer_.weights().shape();
  check(request, shape);
  Image image{.id = id,
              .request = std::move(request),
              .scales = {},
              .guided = 0,
              .tokens = {},
              .caches = {},
              .random = Rng(0)};
  image.scales = scales_of(image.request.sampling, shape.positions());
  for (std::size_t position = 0; position < image.scales.size(); ++position)
    if (image.scales[position] != 1) image.guided = position + 1;
  image.random = Rng(image.request.seed);
  waiting_.push_back(std::move(image));
}

void TokenSampler::cancel(const std::function<bool(std::size_t id)>& dropped) {
  std::erase_if(waiting_, [&](const Image& image) { return dropped(image.id); });
  for (auto& image : under_way_)
    if (dropped(image.id)) give_back(image, image.rows());
  std::erase_if(under_way_, [](const Image& image) { return image.rows() == 0; });
}

std::size_t TokenSampler::rows_under_way() const {
  std::size_t rows = 0;
  for (const auto& image : under_way_) rows += image.rows();
  return rows;
}

std::size_t TokenSampler::step() {
  let_in();
  if (under_way_.empty()) return 0;
  std::vector<std::size_t> first_rows;
  for (std::size_t row = 0; auto& image : under_way_) {
    if (image.tokens.size() >= image.guided && image.rows() == 2) give_back(image, 1);
    first_rows.push_back(row);
    row += image.rows();
  }
  transformer_.step(rows_to_step(), logits_.data());
  draw_tokens(first_rows);
  for (auto& image : under_way_) {
    if (observer_.token) observer_.token(image.id, image.tokens);
    if (image.tokens.size() < transformer_.positions()) continue;
    give_back(image, image.rows());
    if (observer_.image) observer_.image(image.id, std::move(image.tokens));
  }
  std::erase_if(under_way_, [](const Image& image) { return image.rows() == 0; });
  return under_way_.size() + waiting_.size();
}

// In the order of the queue, so that a request that needs two rows is not overtaken for ever.
void TokenSampler::let_in() {
  std::size_t rows = rows_under_way();
  while (!waiting_.empty()) {
    const std::size_t needed = waiting_.front().guided > 0 ? 2 : 1;
    if (rows + needed > transformer_.rows()) return;
    auto image = std::move(waiting_.front());
    waiting_.pop_front();
    for (std::size_t row = 0; row < needed; ++row) image.caches.push_back(take_cache());
    under_way_.push_back(std::move(image));
    rows += needed;
  }
}

std::int32_t TokenSampler::Image::input(bool twin, std::int32_t null_class) const {
  if (!tokens.empty()) return tokens.back();
  return twin ? null_class : request.label;
}

std::vector<SequenceStep> TokenSampler::rows_to_step() {
  std::vector<SequenceStep> rows;
  for (auto& image : under_way_)
    for (std::size_t row = 0; row < image.rows(); ++row)
      rows.push_back({image.input(row == 1, transformer_.weights().shape().classes),
                      image.tokens.size(), image.caches[row].data()});
  return rows;
}

void TokenSampler::draw_tokens(const std::vector<std::size_t>& first_rows) {
  transformer_.pool().for_each(under_way_.size(), [&](std::size_t index, int thread) {
    auto& image = under_way_[index];
    const auto position = image.tokens.size();
    const auto& kept = image.request.kept;
    image.tokens.push_back(position < kept.size()
                               ? kept[position]
                               : draw(image, first_rows[index], static_cast<std::size_t>(thread)));
  });
}

std::int32_t TokenSampler::draw(Image& image, std::size_t first_row, std::size_t thread) {
  const std::size_t vocabulary = transformer_.vocabulary();
  const float* logits = logits_.data() + first_row * vocabulary;
  const double scale = image.scales[image.tokens.size()];
  const double uniform = image.random.uniform();
  if (image.rows() == 2 && scale != 1) {
    float* guided = guided_[thread].data();
    const float* unguided = logits + vocabulary;
    const auto factor = static_cast<float>(scale);
    for (std::size_t i = 0; i < vocabulary; ++i)
      guided[i] = unguided[i] + factor * (logits[i] - unguided[i]);
    logits = guided;
  }
  return static_cast<std::int32_t>(
      pickers_[thread].pick({logits, vocabulary}, image.request.sampling, uniform));
}

AlignedBuffer TokenSampler::take_cache() {
  if (free_caches_.empty()) return AlignedBuffer(transformer_.cache_bytes());
  auto cache = std::move(free_caches_.back());
  free_caches_.pop_back();
  return cache;
}

void TokenSampler::give_back(Image& image, std::size_t rows) {
  for (; rows > 0; --rows) {
    free_caches_.push_back(std::move(image.caches.back()));
    image.caches.pop_back();
  }
}

}  // namespace tessera
