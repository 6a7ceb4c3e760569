#include <iostream>

#include "base/files.h"
#include "base/output.h"
#include "cli/command.h"
#include "cli/study_text.h"
#include "study/finding.h"
#include "study/fit_study.h"

namespace tessera::cli {
namespace {

void print_crossover(const nlohmann::json& crossing) {
  const auto design = text(crossing["design"]), reference = text(crossing["reference"]);
  const auto flops = interval_text(crossing["flops"]) + " FLOPs of both stages\n";
  std::cout << text(crossing["metric"]) << ": ";
  if (crossing["decided"].get<bool>())
    std::cout << design << " beats " << reference << " above " << flops;
  else
    std::cout << "not decided whether " << design << " and " << reference
              << " change places; the fits meet at " << flops;
}

void print(const nlohmann::json& fits) {
  std::cout << "L(C) = L_min + C^alpha * e^lambda with C the generator's FLOPs; 95% intervals\n";
  for (const auto& fit : fits["fits"])
    std::cout << text(fit["metric"]) << ", " << text(fit["design"]) << ": L_min "
              << interval_text(fit["l_min"]) << ", alpha " << interval_text(fit["alpha"])
              << ", lambda " << interval_text(fit["lambda"]) << ", scatter "
              << number_text(fit["scatter"]) << ", "
              << (fit["seeds"] == 1 ? "one seed, whose intervals do not hold how seeds differ"
                                    : fit["seeds"].dump() + " seeds")
              << "\n";
  for (const auto& fit : fits["not_fitted"])
    std::cout << text(fit["metric"]) << ", " << text(fit["design"]) << ": not fitted, "
              << text(fit["why"]) << "\n";
  for (const auto& ratio : fits["ratios"])
    std::cout << text(ratio["metric"]) << " " << number_text(ratio["quality"]) << ", the "
              << text(ratio["at"]) << " that both reach: " << text(ratio["reference"]) << " takes "
              << interval_text(ratio["generator_ratio"]) << " times the generator's compute of "
              << text(ratio["design"]) << ", " << interval_text(ratio["ratio"])
              << " times that of both stages\n";
  for (const auto& crossing : fits["crossovers"]) print_crossover(crossing);
}

void print_findings(const nlohmann::json& findings) {
  for (const auto& finding : findings) {
    std::cout << text(finding["verdict"]) << ": " << text(finding["statement"]) << "\n";
    for (const auto& number : finding["numbers"])
      std::cout << "  " << text(number["label"]) << " " << interval_text(number) << "\n";
    if (const auto why = text(finding["why"]); !why.empty()) std::cout << "  " << why << "\n";
  }
}

}  // namespace

void add_study_fit(CLI::App& study) {
  auto options = std::make_shared<FitOptions>();
  auto* command =
      add_command(study, "fit", "fit quality over compute, compare designs, decide the findings",
                  "tessera study fit runs/study");
  command->add_option("study", options->study, "folder of a study")->required();
  add_bootstrap_options(command, *options, options->samples);
  command->callback([options] {
    const fs::path folder = options->study;
    check_output_files({folder / "fits.json", folder / "findings.json", options->json});
    auto result = fit_study(*options);
    const auto findings = decide_findings(options->study);
    write_json(folder / "findings.json", findings);
    if (!options->quiet && options->json != "-") {
      print(result);
      print_findings(findings);
    }
    result["findings"] = findings;
    write_results(options->json, result);
  });
}

}  // namespace tessera::cli
