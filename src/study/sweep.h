#pragma once

#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"

namespace tessera {

/// A tokenizer: its name, and what it sets in the recipe ("table.key=value").
struct NamedSettings {
  std::string name;
  std::vector<std::string> set;

  void visit(auto&& field) {
    field("name", name, "what tables and findings call it");
    field("set", set, "\"table.key=value\" changes of the recipe");
  }
};

/// A generator, trained once or with several seeds on each tokenizer.
struct NamedGenerator : NamedSettings {
  int seeds = 1;

  void visit(auto&& field) {
    NamedSettings::visit(field);
    field("seeds", seeds,
          "generators trained on each tokenizer, the first with the tokenizer's seed s, the others "
          "with s + 1000, s + 2000 and so on; fits, findings and report take their mean");
  }
};

/// A setting that takes every one of these values.
struct Axis {
  std::string key;
  nlohmann::json values = nlohmann::json::array();

  void visit(auto&& field) {
    field("key", key, "a setting, \"table.key\"");
    field("values", values, "a list; every value is combined with everything else");
  }
};

/// Every design with every generator, every value of every axis and every seed.
struct Sweep {
  std::string name;
  std::vector<NamedSettings> designs;
  std::vector<NamedGenerator> generators;
  std::vector<Axis> axes;
  std::vector<std::uint64_t> seeds;
  std::vector<int> points;

  void visit(auto&& field) {
    field("name", name, "what findings call it");
    field("design", designs,
          "tokenizers; generator_training.* among their settings holds for their generators");
    field("generator", generators, "generators; none is the recipe's");
    field("axis", axes, "settings that are varied on top");
    field("seeds", seeds, "of both stages; none is the study's");
    field("points", points, "steps of finished generators; none is the study's");
  }
};

/// What a finding compares.
enum class FindingKind { difference, positions, interaction, ratio, crossover };
constexpr std::array<std::string_view, 5> choice_names(FindingKind) {
  return {"difference", "positions", "interaction", "ratio", "crossover"};
}
enum class Expected { lower, higher };
constexpr std::array<std::string_view, 2> choice_names(Expected) { return {"lower", "higher"}; }

/// Narrows rows down; what is empty or 0 does not.
struct RowFilter {
  std::string generator;
  int steps = 0;

  void visit(auto&& field) {
    field("generator", generator, "name of a generator");
    field("steps", steps, "of the finished generator");
  }
  friend bool operator==(const RowFilter&, const RowFilter&) = default;
};

/// The second difference of an interaction; what is empty or 0 is the rule's own.
struct SecondDifference : RowFilter {
  std::string design, reference;

  void visit(auto&& field) {
    RowFilter::visit(field);
    field("design", design, "name of a design; empty is the finding's");
    field("reference", reference, "name of a design; empty is the finding's");
  }
  friend bool operator==(const SecondDifference&, const SecondDifference&) = default;
};

/// A statement and the rule that decides it, written down before the runs.
struct FindingRule {
  std::string name, statement;
  FindingKind kind = FindingKind::difference;
  std::string metric = "fd", sweep;
  std::string design;
  std::vector<std::string> reference;
  std::string at_equal;
  Expected expect = Expected::lower;
  double margin = 0;
  bool relative = false;
  RowFilter where;
  SecondDifference against;

  void visit(auto&& field) {
    field("name", name, "short, unique");
    field("statement", statement, "what is claimed, in a sentence");
    field(
        "kind", kind,
        "difference: the metric of `design` minus that of `reference`, paired by seed, generator "
        "and steps; positions: the same for nats_per_token or predictability, averaged over the "
        "positions of an image, of which each must have the claimed sign; interaction: the "
        "difference in the rows of `where` minus that of `against`; ratio: the generator's compute "
        "that `reference` takes over what `design` takes for the same value, at the middle of what "
        "both reach, from the fits; crossover: a compute, bounded on both sides, above which "
        "`design` is better and below which it is not, from the fits");
    field("metric", metric, "of docs/formats/study.md");
    field("sweep", sweep,
          "only its rows; empty is all. Ratio and crossover are from fits to all rows, with the "
          "generators and steps that both designs have: for them it says where the report leads");
    field("design", design, "name of a design, as in the rows");
    field("reference", reference,
          "names of the designs it is compared with; several need `at_equal`");
    field("at_equal", at_equal,
          "the references' values are interpolated to where this metric is `design`'s own");
    field("expect", expect, "difference, positions and interaction: the sign that is claimed");
    field("margin", margin,
          "the interval must lie beyond it: -0.2 allows a difference of 0.2 the wrong way");
    field("relative", relative,
          "difference and interaction: of ln of the metric, as where values of another scale are "
          "compared: a tenth worse is 0.1 everywhere");
    field("where", where, "only these rows");
    field("against", against, "interaction: the second difference");
  }
};

/// A study: what is varied on top of a recipe, how it is measured, and what will decide.
struct SweepFile {
  std::string title, recipe;
  std::vector<std::string> data, held_out;
  std::string features;
  std::vector<std::string> set;
  std::vector<std::uint64_t> seeds = {1, 2, 3};
  std::vector<int> points;
  double decay_fraction = 0.2;
  int samples = 5000, search_samples = 1000, measured_images = 0;
  std::vector<double> guidance = {1.0, 1.5, 2.0, 3.0};
  std::vector<Sweep> sweeps;
  std::vector<FindingRule> findings;

  void visit(auto&& field) {
    field("title", title, "of the report");
    field("recipe", recipe, "TOML recipe that everything starts from, relative to this file");
    field("data", data, "training images, as --data; `study run --data` goes before it");
    field("held_out", held_out,
          "images that are measured; none is the recipe's held-out training images");
    field(
        "features", features,
        "folder of two feature networks, loss/ and metric/, relative to this file; none: they are "
        "trained first");
    field("set", set, "\"table.key=value\" changes of the recipe for every run");
    field("seeds", seeds, "of sweeps that name none");
    field("points", points,
          "steps of finished generators, decay included: each branches off one run at a constant "
          "rate; none is the recipe's generator_training.steps");
    field("decay_fraction", decay_fraction,
          "share of each finished generator's steps in which its rate falls");
    field("samples", samples, "images drawn to measure each finished generator");
    field("search_samples", search_samples, "images drawn for each scale of guidance tried");
    field("measured_images", measured_images, "held-out images measured at most; 0 is all");
    field("guidance", guidance, "scales tried on held-out training images");
    field("sweep", sweeps, "what is varied");
    field("finding", findings, "what is claimed, and what decides it");
  }
};

/// Reads and checks a sweep file; paths in it are made relative to where the program runs. Throws
/// Error or FileError naming the table and key that is wrong.
SweepFile read_sweep_file(const fs::path& path);

/// The tables of docs/formats/sweep.md, made from the structs.
std::string sweep_reference();

}  // namespace tessera
