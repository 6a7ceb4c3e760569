#include "tokenizer/divergence_watch.h"

#include <cmath>

#include "training/diverged.h"

namespace tessera {
namespace {

constexpr double kDecay = 0.95;      // the smoothed loss remembers about twenty steps
constexpr std::int64_t kGrace = 50;  // steps in which losses may do as they like
// Times the best: one bad batch counts as no more than this.
constexpr double kOutlier = 10;
// Times the best. A discriminator may at most double the squared error of the best reconstruction
// (Blau and Michaeli 2018, arXiv 1711.06077), so twice is no fault as such.
constexpr double kBlownUp = 3, kWorse = 2;
// Times the best: a batch this bad may be the first of a blow-up.
constexpr double kSuspicious = 5;
// Share of its patches that a discriminator which has won gets right.
constexpr double kDominated = 0.98;

std::string text(double value) {
  char digits[32];
  std::snprintf(digits, sizeof digits, "%.3g", value);
  return digits;
}

double smooth(double before, double now) { return kDecay * before + (1 - kDecay) * now; }

}  // namespace

void DivergenceWatch::observe(double loss, std::optional<double> accuracy) {
  if (!std::isfinite(loss)) throw Diverged("the reconstruction loss is not finite");
  if (steps_++ == 0) smoothed_ = best_ = loss;
  last_ = loss;
  smoothed_ = smooth(smoothed_, std::min(loss, kOutlier * best()));
  best_ = std::min(best_, smoothed_);
  accuracy_ = accuracy ? smooth(accuracy_, *accuracy) : 0.5;
  if (steps_ <= kGrace) return;
  const auto change = "the reconstruction loss rose from " + text(best_) + " to " + text(smoothed_);
  if (smoothed_ > kBlownUp * best()) throw Diverged(change);
  if (smoothed_ > kWorse * best() && accuracy_ > kDominated)
    throw Diverged(change + " while the discriminator got " + text(100 * accuracy_) +
                   "% of its patches right");
}

bool DivergenceWatch::healthy() const {
  return smoothed_ <= kWorse * best() && last_ <= kSuspicious * best();
}

torch::Tensor DivergenceWatch::state() const {
  return torch::tensor({static_cast<double>(steps_), last_, smoothed_, best_, accuracy_},
                       torch::kFloat64);
}

void DivergenceWatch::load_state(const torch::Tensor& state) {
  steps_ = std::llround(state[0].item<double>());
  last_ = state[1].item<double>();
  smoothed_ = state[2].item<double>();
  best_ = state[3].item<double>();
  accuracy_ = state[4].item<double>();
}

}  // namespace tessera
