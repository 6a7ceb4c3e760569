#pragma once

#include <optional>
#include <string>
#include <vector>

#include "study/row.h"

namespace tessera {

/// A number with its 95% interval; NaN where a file holds none.
struct ReportInterval {
  double value = 0, low = 0, high = 0;
};

/// L(C) = l_min + C^alpha * e^lambda, where C is the generator's FLOPs.
struct ReportFit {
  std::string design, metric;
  int rows = 0;
  ReportInterval l_min, alpha, lambda;
  double scatter = 0;
  struct Place {
    double generator_flops = 0;
    ReportInterval value;
  };
  std::vector<Place> curve;  ///< the law with its band
};

/// A design whose rows were too few for a law, and why.
struct ReportNotFitted {
  std::string design, metric, why;
};

struct ReportIsoFlops {
  std::string design, metric, best;
  double generator_flops = 0;
  struct Place {
    std::string generator;
    double parameters = 0, value = 0;
  };
  std::vector<Place> curve;
};

/// The rows that no cheaper row beats. Losses of tokens have one for each kind of tokens.
struct ReportPareto {
  std::string metric;
  struct Place {
    double flops = 0, value = 0;
    std::string run;
    int point = 0;
    std::string design;
  };
  std::vector<Place> front;
};

/// Two designs, by fits to generators that both have.
struct ReportPair {
  std::string metric, design, reference;
  std::vector<std::string> generators;
};

/// Compute that they take for the same quality.
struct ReportRatio : ReportPair {
  std::string at;
  double quality = 0;
  ReportInterval of_generator, of_both_stages;
};

/// Where their curves cross.
struct ReportCrossover : ReportPair {
  bool decided = false;
  ReportInterval flops;  ///< of both stages
};

struct ReportFits {
  std::vector<ReportFit> fits;
  std::vector<ReportNotFitted> not_fitted;
  std::vector<ReportIsoFlops> iso_flops;
  std::vector<ReportPareto> pareto;
  std::vector<ReportRatio> ratios;
  std::vector<ReportCrossover> crossovers;
  nlohmann::json about;
};

struct ReportFinding {
  std::string name, statement, rule, verdict, why;
  std::string sweep;  ///< whose rows it is about; empty: any
  struct Number {
    std::string label;
    ReportInterval value;
    int pairs = 0;
  };
  std::vector<Number> numbers;
};

/// What the report is made of.
struct ReportInput {
  fs::path folder;
  std::string title;                ///< the sweep file's, or the folder's name
  std::vector<std::string> sweeps;  ///< names in the order of first mention
  std::vector<StudyRow> rows;       ///< by design, generator, point, seed
  std::optional<ReportFits> fits;
  std::optional<std::vector<ReportFinding>> findings;
  std::vector<std::string> failures;  ///< one line a run
  nlohmann::json sweep_file;          ///< null where there is none
};

/// Throws FileError naming the file that is missing (results.json) or malformed.
ReportInput read_report_input(const fs::path& study);

}  // namespace tessera
