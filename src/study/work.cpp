#include "study/work.h"

#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <map>
#include <set>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/processes.h"
#include "base/progress.h"
#include "base/version.h"

namespace tessera {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kLookAgain{5};

std::string host_name() {
  char name[256] = {};
  ::gethostname(name, sizeof name - 1);
  return name;
}

std::string time_now() {
  const std::time_t now = std::time(nullptr);
  char text[32] = {};
  std::tm utc{};
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", ::gmtime_r(&now, &utc));
  return text;
}

// Without the name of the run that a process puts before its message.
std::string message_of(std::exception_ptr failure, const std::string& run) {
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& error) {
    const std::string text = error.what(), name = run + ": ";
    return text.starts_with(name) ? text.substr(name.size()) : text;
  }
}

bool was_interrupted(std::exception_ptr failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const Interrupted&) {
    return true;
  } catch (...) {
    return false;
  }
}

std::string words_for(const PlannedRun& run) {
  if (run.kind == RunKind::features) return "feature networks";
  std::string words = run.design;
  if (run.kind == RunKind::generator) words += " | " + run.generator;
  return words + " | " + seed_text(run);
}

class Worker {
 public:
  Worker(const Plan& plan, const StudyFolder& folder, const WorkOptions& options)
      : plan_(plan), folder_(folder), options_(options) {}

  WorkDone run() {
    write_rows(folder_, plan_);
    run_in_processes({.next = [&] { return next(); },
                      .more = [&] { return more(); },
                      .ended = [&](const auto& name, auto failure) { ended(name, failure); },
                      .tick = [&] { return beat(); }},
                     options_.workers);
    write_rows(folder_, plan_);  // the last to end has seen the results of all
    return count();
  }

 private:
  bool is_open(const PlannedRun& run) const {
    return (!folder_.is_done(run.id) || is_missed(run)) && !folder_.has_failed(run) &&
           !folder_.is_blocked(plan_, run);
  }
  bool is_ready(const PlannedRun& run) const {
    return is_open(run) && std::all_of(run.needs.begin(), run.needs.end(), [&](const auto& id) {
             return folder_.is_done(id) && folder_.holds_models(plan_.at(id));
           });
  }
  // Only its result was kept, and an open run needs what it made: it is made again.
  bool is_missed(const PlannedRun& run) const {
    return !folder_.holds_models(run) &&
           std::any_of(plan_.runs.begin(), plan_.runs.end(), [&](const auto& other) {
             return std::find(other.needs.begin(), other.needs.end(), run.id) !=
                        other.needs.end() &&
                    is_open(other);
           });
  }

  // Others may be at what is left; then it comes back later to see what became of it.
  std::optional<Job> next() {
    if (Clock::now() < look_again_) return std::nullopt;
    for (const auto& run : plan_.runs) {
      if (claims_.contains(run.id) || !is_ready(run)) continue;
      auto claim = Claim::take(folder_.claim(run.id), owner(), options_.expires);
      if (!claim || !is_ready(run)) continue;  // done by another between the look and the claim
      claims_.emplace(run.id, std::move(*claim));
      if (!options_.quiet) say("begins: " + run.id + " (" + words_for(run) + ")");
      return Job{run.id, [this, &run] { write_json(folder_.result(run.id), do_run(run)); }};
    }
    look_again_ = Clock::now() + kLookAgain;
    tell_of_waiting();
    return std::nullopt;
  }

  void tell_of_waiting() {
    if (told_ || options_.quiet || !claims_.empty()) return;
    for (const auto& run : plan_.runs)
      if (is_ready(run)) {
        told_ = true;
        return say("waiting for " + run.id + " (" + words_for(run) +
                   "), which another worker is doing; if that one has died, it is free two minutes "
                   "after its last sign of life");
      }
  }

  nlohmann::json do_run(const PlannedRun& run) const {
    const auto path = folder_.result(run.id);
    if (!fs::exists(path)) return executed(run);
    fs::remove_all(folder_.models(run.id) / "stages");  // what they made is no longer all there
    const auto before = read_json(path);
    auto result = executed(run);
    compare(run, before, result);
    return result;
  }

  nlohmann::json executed(const PlannedRun& run) const {
    auto result = options_.execute(run);
    if (!folder_.holds_models(run)) throw Error("ended without leaving all of its files");
    return result;
  }

  // A run that is made again should come out the same. Where a tokenizer does not, its result keeps
  // the old one, by which the rows of older generators go; where feature networks do not, distances
  // measured with them would not compare with those that are there.
  void compare(const PlannedRun& run, const nlohmann::json& before, nlohmann::json& result) const {
    const auto differ = [&](const char* place) {
      const nlohmann::json::json_pointer pointer(place);
      return before.contains(pointer) && result.contains(pointer) &&
             before.at(pointer) != result.at(pointer);
    };
    const auto text = run.id +
                      " was made again and is not the same, as with another processor or other "
                      "--threads: ";
    if (differ("/loss/feature_space") || differ("/metric/feature_space")) {
      fs::remove_all(folder_.models(run.id));
      throw Error(text +
                  "distances would be in another feature space; put back its models, or begin "
                  "another study");
    }
    if (!differ("/tokenizer/model")) return;
    say(text + "generators trained before it read other tokens");
    result["replaced"] = before;
  }

  bool more() const {
    return std::any_of(plan_.runs.begin(), plan_.runs.end(),
                       [&](const auto& run) { return is_open(run); });
  }

  void ended(const std::string& id, std::exception_ptr failure) {
    const auto& run = plan_.at(id);
    // Of a run that another has taken this worker knows nothing, and a child may be killed first.
    const bool is_mine = !lost_.contains(id) && claims_.at(id).beat();
    if (failure && is_mine && !interrupted() && !was_interrupted(failure)) {
      write_json(folder_.failure(id), {{"run", id},
                                       {"what", words_for(run)},
                                       {"error", message_of(failure, id)},
                                       {"host", host_name()},
                                       {"time", time_now()},
                                       {"commit", kCommit}});
      say("failed: " + id + " (" + words_for(run) + "): " + message_of(failure, id));
    }
    claims_.erase(id);
    lost_.erase(id);
    look_again_ = {};
    if (failure) return;
    write_rows(folder_, plan_);
    flops_done_ += options_.cost(run).flops;
    if (!options_.quiet) say("done: " + id + " (" + words_for(run) + "); " + how_far());
  }

  // What is left, at the rate of this worker so far.
  std::string how_far() const {
    double left = 0;
    for (const auto& run : plan_.runs)
      if (is_open(run)) left += options_.cost(run).flops;
    const double seconds = std::chrono::duration<double>(Clock::now() - start_).count();
    const auto done = count();
    auto text = std::to_string(done.done) + " of " + std::to_string(plan_.runs.size()) + " runs";
    if (done.failed) text += ", " + std::to_string(done.failed) + " failed";
    if (left > 0 && flops_done_ > 0)
      text += ", " + format_duration(left / flops_done_ * seconds) + " left at this rate";
    return text;
  }

  // Runs that this worker has lost, each once: two must not train in one folder.
  std::vector<std::string> beat() {
    std::vector<std::string> lost;
    if (Clock::now() < beat_again_) return lost;
    beat_again_ = Clock::now() + std::chrono::duration_cast<Clock::duration>(options_.beat);
    for (const auto& [id, claim] : claims_) {
      if (lost_.contains(id) || claim.beat()) continue;
      say(id + " was taken by another worker, since this one was not heard of for too long");
      lost_.insert(id);
      lost.push_back(id);
    }
    return lost;
  }

  WorkDone count() const {
    WorkDone result;
    for (const auto& run : plan_.runs) {
      const bool failed = folder_.has_failed(run);
      result.done += folder_.is_done(run.id) && !failed;
      result.failed += failed;
      result.blocked += !folder_.is_done(run.id) && folder_.is_blocked(plan_, run);
    }
    return result;
  }

  static std::string owner() { return host_name() + " " + std::to_string(::getpid()); }

  const Plan& plan_;
  const StudyFolder& folder_;
  const WorkOptions& options_;
  std::map<std::string, Claim> claims_;
  std::set<std::string> lost_;  // of these, what another has taken
  bool told_ = false;
  Clock::time_point start_ = Clock::now(), look_again_, beat_again_;
  double flops_done_ = 0;
};

}  // namespace

WorkDone work(const Plan& plan, const StudyFolder& folder, const WorkOptions& options) {
  return Worker(plan, folder, options).run();
}

}  // namespace tessera
