#include "base/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace tessera {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_between(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

std::string format_value(double value) {
  char text[32];
  std::snprintf(text, sizeof text, std::abs(value) >= 100 ? "%.0f" : "%.4g", value);
  return text;
}

}  // namespace

std::string format_duration(double seconds) {
  const auto whole = static_cast<long>(std::lround(std::max(0.0, seconds)));
  if (whole < 60) return std::to_string(whole) + " s";
  if (whole < 3600) return std::to_string(whole / 60) + " min " + std::to_string(whole % 60) + " s";
  return std::to_string(whole / 3600) + " h " + std::to_string(whole / 60 % 60) + " min";
}

void say(const std::string& message) { std::fprintf(stderr, "%s\n", message.c_str()); }

Progress::Progress(std::string stage, std::int64_t total, bool quiet, std::string unit,
                   double items_per_step, std::int64_t first)
    : stage_(std::move(stage)),
      unit_(std::move(unit)),
      total_(total),
      first_(first),
      done_(first),
      items_per_step_(items_per_step),
      quiet_(quiet),
      terminal_(isatty(STDERR_FILENO) == 1),
      start_(Clock::now()),
      printed_(start_) {}

Progress::~Progress() {
  if (line_open_) std::fputc('\n', stderr);
}

void Progress::update(std::int64_t done, const Values& values) {
  done_ = done;
  values_ = values;
  const auto now = Clock::now();
  if (quiet_ || seconds_between(printed_, now) < (terminal_ ? 0.2 : 10.0)) return;
  printed_ = now;
  print(done, values, false);
}

void Progress::finish() {
  if (quiet_ || finished_) return;
  finished_ = true;
  print(done_, values_, true);
}

void Progress::note(const std::string& message) {
  if (line_open_) std::fputc('\n', stderr);
  line_open_ = false;
  say(message);
}

void Progress::print(std::int64_t done, const Values& values, bool last) {
  const double elapsed = seconds_between(start_, Clock::now());
  const auto measured = static_cast<double>(done - first_);
  const double steps_per_second = elapsed > 0 ? measured / elapsed : 0;
  std::string line = stage_ + "  " + std::to_string(done) + "/" + std::to_string(total_);
  for (const auto& [name, value] : values) line += "  " + name + " " + format_value(value);
  line += "  " + format_value(steps_per_second * items_per_step_) + " " + unit_ + "/s";
  if (last) {
    line += "  took " + format_duration(elapsed);
  } else if (steps_per_second > 0) {
    line += "  " + format_duration(static_cast<double>(total_ - done) / steps_per_second) + " left";
  }
  std::fprintf(stderr, terminal_ ? "\r\033[K%s" : "%s\n", line.c_str());
  if (terminal_ && last) std::fputc('\n', stderr);
  line_open_ = terminal_ && !last;
  std::fflush(stderr);
}

}  // namespace tessera
