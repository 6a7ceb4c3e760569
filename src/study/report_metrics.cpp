#include "study/report_metrics.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace tessera {
namespace {

// Three digits, in the largest of the units, a thousand apart, that is not above the value.
template <std::size_t N>
std::string with_unit(double value, const std::array<const char*, N>& units) {
  if (!std::isfinite(value)) return "–";
  std::size_t unit = 0;
  for (; unit + 1 < N && value >= 999.5; ++unit) value /= 1000;
  return number_text(value, "%.3g") + units[unit];
}

}  // namespace

const std::vector<ReportMetric>& report_metrics() {
  static const std::vector<ReportMetric> metrics = {
      {"nats_per_token", "nats per token", "%.3f",
       "what the generator finds surprising in held-out tokens; lower is better, but only tokens "
       "of the same kind compare"},
      {"predictability", "predictability, nats", "%.3f",
       "unigram entropy minus nats per token: what context tells; higher is better"},
      {"bits_per_image", "bits per image", "%.0f",
       "all tokens of a held-out image; lower is better"},
      {"fd", "generation FD", "%.3f",
       "Frechet distance of samples to held-out images; lower is better"},
      {"fd_reconstructions", "FD to reconstructions", "%.3f",
       "Frechet distance of samples to the tokenizer's own reconstructions: what the generator "
       "alone misses"},
      {"rfd", "reconstruction FD", "%.3f",
       "Frechet distance of reconstructions to held-out images; lower is better"},
      {"psnr", "PSNR, dB", "%.2f", "of reconstructions; higher is closer"},
      {"ssim", "SSIM", "%.3f", "structural similarity of reconstructions; 1 is equal"},
      {"code_perplexity", "code perplexity", "%.0f", "how many codes are in use, evenly counted"},
      {"unigram_entropy", "unigram entropy, nats", "%.3f",
       "what a token carries if nothing is known before it"},
      {"precision", "precision", "%.3f", "share of samples that look real"},
      {"recall", "recall", "%.3f", "share of real images that samples cover"},
      {"cfg", "guidance", "%.2f", "scale of classifier-free guidance that was chosen"},
  };
  return metrics;
}

std::vector<ReportMetric> measured_metrics(const std::vector<StudyRow>& rows) {
  std::vector<ReportMetric> measured;
  for (const auto& metric : report_metrics())
    if (std::ranges::any_of(rows,
                            [&](const auto& row) { return row.metrics.contains(metric.name); }))
      measured.push_back(metric);
  return measured;
}

ReportMetric report_metric(const std::string& name) {
  for (const auto& metric : report_metrics())
    if (name == metric.name) return metric;
  return {"", "", "%.4g", ""};
}

std::string number_text(double value, const char* format) {
  if (!std::isfinite(value)) return "–";
  char text[64];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

std::string flops_text(double flops) {
  return with_unit(flops, std::array{" FLOP", " kFLOP", " MFLOP", " GFLOP", " TFLOP", " PFLOP",
                                     " EFLOP", " ZFLOP"});
}

std::string count_text(double count) {
  return with_unit(count, std::array{"", " thousand", " million", " billion"});
}

}  // namespace tessera
