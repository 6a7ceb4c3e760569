#include <cstdio>
#include <iostream>

#include "base/files.h"
#include "cli/command.h"
#include "cli/study_text.h"
#include "study/advise.h"
#include "study/fit_study.h"

namespace tessera::cli {
namespace {

void print_prediction(const nlohmann::json& predicted) {
  for (const auto& [metric, interval] : predicted.items())
    std::cout << "  " << metric << " " << interval_text(interval) << "\n";
}

void print_advice(const nlohmann::json& result) {
  const auto& advice = result["advice"];
  std::cout << "For " << number_text(result["budget"]["train_flops"]) << " FLOPs of training"
            << (result["budget"]["train_flops_given"].get<bool>()
                    ? ""
                    : ", the most that a curve was fitted to")
            << ", by " << text(result["metric"]) << ":\n"
            << text(advice["design"]) << " | " << text(advice["generator"]) << "\n  "
            << advice["tokens_per_image"] << " tokens of " << advice["codebook_size"]
            << " codes, a generator of " << advice["generator_parameters"] << " parameters\n  "
            << number_text(advice["tokenizer_flops"]) << " FLOPs for the tokenizer, "
            << number_text(advice["generator_flops"]) << " for the generator\n  "
            << number_text(advice["ms_per_image"]) << " ms for the tokens of a guided image at "
            << number_text(advice["flops_per_second"]) << " FLOP/s\n";
  for (const auto& [key, value] : advice["settings"].items())
    std::cout << "  " << key << "=" << value.dump() << "\n";
  std::cout << "One run would measure, with 95% intervals:\n";
  print_prediction(advice["predicted"]);
  for (const auto& note : advice["notes"]) std::cout << "Note: " << text(note) << "\n";
  std::cout << "Nearest measured runs:\n";
  for (const auto& run : advice["nearest_runs"])
    std::cout << "  " << text(run["run"]) << ", point " << run["point"] << ", seed " << run["seed"]
              << ": " << number_text(run["flops"]) << " FLOPs, " << text(result["metric"]) << " "
              << number_text(run["metrics"].value(text(result["metric"]), nlohmann::json()))
              << "\n";
}

void print_others(const nlohmann::json& result) {
  if (!result["others"].empty()) std::cout << "Other designs:\n";
  for (const auto& other : result["others"])
    std::cout << "  " << text(other["design"]) << " | " << text(other["generator"]) << ": "
              << text(result["metric"]) << " "
              << interval_text(other["predicted"][text(result["metric"])])
              << (other["extrapolates"].get<bool>() ? ", extrapolated" : "") << "; worse in "
              << number_text(100 * other["advice_is_better"].get<double>())
              << "% of bootstrap samples\n";
  for (const auto& design : result["left_out"])
    std::cout << "  " << text(design["design"]) << ": left out, " << text(design["why"]) << "\n";
}

void print_back_test(const nlohmann::json& test) {
  std::cout << "The largest compute of each design, predicted from the rest:\n";
  for (const auto& each : test["predictions"])
    std::cout << "  " << text(each["metric"]) << ", " << text(each["design"]) << ", seed "
              << each["seed"] << ", " << number_text(each["times_beyond"])
              << " times the generator's compute: measured " << number_text(each["measured"])
              << ", predicted " << interval_text(each["predicted"])
              << (each["inside"].get<bool>() ? "" : ", OUTSIDE") << "\n";
  for (const auto& each : test["left_out"])
    std::cout << "  " << text(each["metric"]) << ", " << text(each["design"]) << ": left out, "
              << text(each["why"]) << "\n";
  for (const auto& [metric, sum] : test["summary"].items())
    if (sum["predictions"] != 0)
      std::cout << metric << ": " << sum["inside"] << " of " << sum["predictions"]
                << " inside their 95% intervals, median error "
                << number_text(100 * sum["median_error"].get<double>()) << "%\n";
}

}  // namespace

void add_study_advise(CLI::App& study) {
  auto options = std::make_shared<AdviseOptions>();
  auto* command = add_command(study, "advise", "the design for a budget, from a study's fits",
                              "tessera study advise runs/study --train-flops 1e15 --params 20e6");
  command->add_option("study", options->study, "folder of a study")->required();
  command
      ->add_option("--train-flops", options->train_flops,
                   "FLOPs of training both stages; none: the most that a curve was fitted to")
      ->transform(number_above(0));
  command->add_option("--params", options->parameters, "parameters of the generator, at most")
      ->transform(number_above(0));
  command
      ->add_option("--ms-per-image", options->ms_per_image,
                   "milliseconds for the tokens of a guided image, at most")
      ->transform(number_above(0));
  command
      ->add_option("--flops-per-second", options->flops_per_second,
                   "speed while drawing, for --ms-per-image; bench decode measures it")
      ->transform(number_above(0))
      ->capture_default_str();
  command->add_option("--metric", options->metric, "what decides")
      ->transform(one_of(kFittedMetrics))
      ->capture_default_str();
  command->add_flag("--back-test", options->back_test,
                    "leave the largest compute of each design out and predict it");
  add_bootstrap_options(command, *options, options->samples);
  command->callback([options] {
    const auto result = advise(*options);
    write_results(options->json, result);
    if (options->quiet || options->json == "-") return;
    if (result.contains("advice")) {
      print_advice(result);
      print_others(result);
    }
    if (result.contains("back_test")) print_back_test(result["back_test"]);
  });
}

}  // namespace tessera::cli
