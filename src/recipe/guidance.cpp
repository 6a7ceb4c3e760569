#include "recipe/guidance.h"

#include <charconv>
#include <cmath>
#include <numbers>
#include <optional>
#include <sstream>
#include <vector>

#include "base/error.h"
#include "base/files.h"

namespace tessera {
namespace {

std::optional<double> number(const std::string& text) {
  double value = 0;
  const auto* last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, value);
  if (error != std::errc() || end != last || !std::isfinite(value)) return std::nullopt;
  return value;
}

// The numbers after the name, "interval:0.1:0.9" -> {0.1, 0.9}; nothing if one is not a number.
std::optional<std::vector<double>> numbers_after(const std::string& name, const std::string& text) {
  if (!text.starts_with(name + ":") || text.ends_with(":")) return std::nullopt;
  std::vector<double> numbers;
  std::istringstream parts(text.substr(name.size() + 1));
  for (std::string part; std::getline(parts, part, ':');) {
    const auto value = number(part);
    if (!value) return std::nullopt;
    numbers.push_back(*value);
  }
  return numbers;
}

}  // namespace

double GuidanceSchedule::scale(double cfg, int position, int positions) const {
  const double share = static_cast<double>(position) / positions;
  switch (kind) {
    case Kind::constant:
      return cfg;
    case Kind::interval:
      return share >= begin && share < end ? cfg : 1;
    case Kind::power_cosine:
      return 1 + (cfg - 1) * (1 - std::cos(std::numbers::pi * std::pow(share, power))) / 2;
  }
  TESSERA_CHECK(false);
}

GuidanceSchedule parse_guidance_schedule(const std::string& text, const std::string& where) {
  using Kind = GuidanceSchedule::Kind;
  if (text == "constant") return {};
  if (const auto ends = numbers_after("interval", text); ends && ends->size() == 2) {
    const double begin = (*ends)[0], end = (*ends)[1];
    if (begin >= 0 && begin < end && end <= 1)
      return {.kind = Kind::interval, .begin = begin, .end = end};
  }
  if (const auto power = numbers_after("power-cosine", text);
      power && power->size() == 1 && power->front() > 0)
    return {.kind = Kind::power_cosine, .power = power->front()};
  throw Error(where + " is " + json_text(text) +
              ", expected constant, interval:A:B with 0 <= A < B <= 1, or power-cosine:P with P "
              "above 0");
}

}  // namespace tessera
