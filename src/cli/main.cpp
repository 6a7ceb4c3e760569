#include <cstdio>
#include <new>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/settings.h"
#include "base/version.h"
#include "cli/command.h"
#include "generator/sample.h"

namespace {

constexpr int kExitBadInput = 2;
constexpr int kExitFault = 1;
constexpr int kExitInterrupted = 130;

// The command whose subcommand was to come, once the words before it have been understood.
const CLI::App& innermost(const CLI::App& app) {
  const auto chosen = app.get_subcommands();
  return chosen.empty() ? app : innermost(*chosen.front());
}

// CLI11 explains bad usage over several lines; the contract is one. It also says that a command is
// missing where the command was misspelt.
int report_usage(const CLI::App& app, const CLI::ParseError& error) {
  if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
  const auto& command = innermost(app);
  const auto unknown = app.remaining(true);
  std::vector<std::string> names;
  for (const auto* sub : command.get_subcommands([](const CLI::App*) { return true; }))
    names.push_back(sub->get_name());
  if (!names.empty() && !unknown.empty()) {
    std::fprintf(stderr, "tessera: unknown command '%s', did you mean '%s'? (see tessera --help)\n",
                 unknown.front().c_str(), tessera::nearest_name(unknown.front(), names).c_str());
  } else {
    std::fprintf(stderr, "tessera: %s (see tessera --help)\n", error.what());
  }
  return kExitBadInput;
}

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
  add_decode(app);
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
  add_import(app);
  add_export(app);
  add_flops(app);
  auto* bench = app.add_subcommand("bench", "measure training steps and data loading");
  bench->require_subcommand(1);
  add_bench_train(*bench);
  add_bench_loader(*bench);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Trains small, good image generators: a tokenizer, a transformer, and CRT between them.",
      "tessera");
  app.set_version_flag("--version",
                       std::string("tessera ") + tessera::kVersion + " (" + tessera::kCommit + ")");
  app.require_subcommand(1);
  add_commands(app);
  tessera::catch_interrupts();
  try {
    app.parse(argc, argv);
    return 0;
  } catch (const CLI::ParseError& error) {
    return report_usage(app, error);
  } catch (const tessera::Error& error) {
    std::fprintf(stderr, "tessera: %s\n", error.what());
    return kExitBadInput;
  } catch (const tessera::Interrupted& error) {
    std::fprintf(stderr, "tessera: %s\n", error.what());
    return kExitInterrupted;
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr, "tessera: out of memory\n");
    return kExitFault;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "tessera: internal fault: %s\n", error.what());
    return kExitFault;
  }
}
