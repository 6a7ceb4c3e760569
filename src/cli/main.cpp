#include "cli/engine_commands.h"
#include "cli/run_command.h"
#include "generator/sample.h"
#include "tokenizer/apply.h"

namespace {

void add_commands(CLI::App& app) {
  using namespace tessera::cli;
  add_demo(app);
  add_data(app);
  auto* train = app.add_subcommand("train", "train a tokenizer, a generator or a feature network");
  train->require_subcommand(1);
  add_train_tokenizer(*train);
  add_train_generator(*train);
  add_train_features(*train);
  add_encode(app);
  add_decode(app, tessera::decode_tokens, true);
  add_reconstruct(app);
  add_sample(app, tessera::sample_with_torch);
  add_complete(app);
  add_logits(app);
  auto* evaluate =
      app.add_subcommand("evaluate", "measure reconstruction, likelihood or generation");
  evaluate->require_subcommand(1);
  add_evaluate_reconstruction(*evaluate);
  add_evaluate_likelihood(*evaluate);
  add_evaluate_generation(*evaluate);
  add_engine_commands(app);
  add_import(app);
  add_export(app);
  add_flops(app);
  auto* study = app.add_subcommand("study", "map the trade-off between compression and generation");
  study->require_subcommand(1);
  add_study_run(*study);
  add_study_fit(*study);
  add_study_advise(*study);
  add_study_report(*study);
  auto* bench = app.add_subcommand("bench", "measure training steps, data loading and the engine");
  bench->require_subcommand(1);
  add_bench_train(*bench);
  add_bench_loader(*bench);
  add_engine_benchmarks(*bench);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Trains small, good image generators: a tokenizer, a transformer, and CRT between them.",
      "tessera");
  add_commands(app);
  return tessera::cli::run_command(app, argc, argv);
}
