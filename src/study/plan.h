#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "recipe/recipe.h"
#include "study/sweep.h"

namespace tessera {

enum class RunKind { features, tokenizer, generator };
constexpr std::array<std::string_view, 3> choice_names(RunKind) {
  return {"features", "tokenizer", "generator"};
}

/// One process: a tokenizer with everything encoded and measured, or a generator at all of its
/// compute points.
struct PlannedRun {
  std::string id;  ///< from everything that decides what it makes
  RunKind kind = RunKind::features;
  std::vector<std::string> needs;    ///< ids of runs that come before
  std::string design, generator;     ///< names, with the values of axes
  std::vector<std::string> set;      ///< changes of the recipe, in order
  std::uint64_t seed = 0;            ///< of the tokenizer
  std::uint64_t generator_seed = 0;  ///< of the generator and its samples
  std::vector<int> points;           ///< generator: steps of its finished models, rising
  /// generator: the sweeps that asked for each point
  std::vector<std::vector<std::string>> sweeps;
  nlohmann::json settings;  ///< what the file varies: "table.key" to this run's value
  Recipe recipe;            ///< with `set` applied
};

/// All runs, each after those it needs, in the order of work: by sweep as in the file, then seed,
/// then design, a tokenizer followed by its generators. What several sweeps ask for is there once,
/// in the place of the first.
struct Plan {
  std::vector<PlannedRun> runs;

  const PlannedRun& at(const std::string& id) const;
};

/// SHA-256 of what runs are made of besides the file: lists of images, wherever they lie, and
/// feature networks.
struct StudyInputs {
  std::string images, held_out, features;
};

/// Throws Error naming the sweep, design and key that is wrong, or the finding and name.
Plan make_plan(const SweepFile& file, const StudyInputs& inputs);

/// What a plan takes, by the counts of whoever can count.
struct RunCost {
  double flops = 0;       ///< training, encoding and measuring
  std::size_t bytes = 0;  ///< left on the disk
};
using CostOfRun = std::function<RunCost(const PlannedRun& run)>;

/// "seed 1", or "seed 1, generator 1001".
std::string seed_text(const PlannedRun& run);

nlohmann::json to_json(const PlannedRun& run);

}  // namespace tessera
