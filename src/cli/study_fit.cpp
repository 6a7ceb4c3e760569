#include <cstdio>
#include <iostream>

#include "base/files.h"
#include "cli/command.h"
#include "study/fit_study.h"

namespace tessera::cli {
namespace {

double number(const nlohmann::json& json) { return json.is_null() ? NAN : json.get<double>(); }

// "0.52 [0.48, 0.57]"; an end that nothing bounds is a dash.
std::string interval_text(const nlohmann::json& interval) {
  const auto text = [](const nlohmann::json& json) {
    char buffer[32];
    std::snprintf(buffer, sizeof buffer, "%.4g", number(json));
    return json.is_null() ? std::string("-") : std::string(buffer);
  };
  return text(interval["value"]) + " [" + text(interval["low"]) + ", " + text(interval["high"]) +
         "]";
}

void print(const nlohmann::json& fits) {
  std::cout << "L(C) = L_min + C^alpha * e^lambda, C: FLOPs of the generator; 95% intervals\n";
  for (const auto& fit : fits["fits"])
    std::cout << fit["metric"].get<std::string>() << ", " << fit["design"].get<std::string>()
              << ": L_min " << interval_text(fit["l_min"]) << ", alpha "
              << interval_text(fit["alpha"]) << ", lambda " << interval_text(fit["lambda"]) << "\n";
  for (const auto& fit : fits["not_fitted"])
    std::cout << fit["metric"].get<std::string>() << ", " << fit["design"].get<std::string>()
              << ": not fitted, " << fit["why"].get<std::string>() << "\n";
  for (const auto& ratio : fits["ratios"])
    std::cout << "compute of " << ratio["reference"].get<std::string>() << " over "
              << ratio["design"].get<std::string>() << " at "
              << ratio["metric"].get<std::string>() << " " << number(ratio["quality"]) << ": "
              << interval_text(ratio["ratio"]) << "\n";
  for (const auto& crossing : fits["crossovers"])
    std::cout << crossing["design"].get<std::string>() << " beats "
              << crossing["reference"].get<std::string>() << " in "
              << crossing["metric"].get<std::string>() << " from "
              << interval_text(crossing["flops"]) << " FLOPs\n";
}

}  // namespace

void add_study_fit(CLI::App& study) {
  auto options = std::make_shared<FitOptions>();
  auto* command = add_command(study, "fit", "fit quality over compute and compare designs",
                              "tessera study fit runs/study");
  command->add_option("study", options->study, "folder of a study")->required();
  command->add_option("--bootstrap", options->samples, "samples behind each interval")
      ->check(CLI::Range(40, 1000000))
      ->capture_default_str();
  command->add_option("--seed", options->seed, "fixes every random number")->capture_default_str();
  command->add_flag("--quiet", options->quiet, "print errors only");
  command->add_option("--json", options->json, "write the results here; - is standard output");
  command->callback([options] {
    const auto result = fit_study(*options);
    write_results(options->json, result);
    if (!options->quiet && options->json != "-") print(result);
  });
}

}  // namespace tessera::cli
