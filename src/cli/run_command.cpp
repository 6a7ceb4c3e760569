#include "cli/run_command.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <new>

#include "base/error.h"
#include "base/files.h"
#include "base/interrupt.h"
#include "base/settings.h"
#include "base/version.h"
#include "models/instruction_set_choice.h"

namespace tessera::cli {
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
  const auto program = app.get_name();
  const auto* name = program.c_str();
  const auto& command = innermost(app);
  const auto unknown = app.remaining(true);
  std::vector<std::string> names;
  for (const auto* sub : command.get_subcommands([](const CLI::App*) { return true; }))
    names.push_back(sub->get_name());
  if (!names.empty() && !unknown.empty()) {
    std::fprintf(stderr, "%s: unknown command '%s', did you mean '%s'? (see %s --help)\n", name,
                 unknown.front().c_str(), nearest_name(unknown.front(), names).c_str(), name);
  } else {
    std::fprintf(stderr, "%s: %s (see %s --help)\n", name, error.what(), name);
  }
  return kExitBadInput;
}

// What was printed must have arrived, too, on a full disk for example.
int finish_output(const char* name) {
  errno = 0;
  std::cout.flush();
  if (std::fflush(stdout) == 0 && !std::ferror(stdout) && std::cout) return 0;
  std::fprintf(stderr, "%s: standard output: cannot be written: %s\n", name,
               std::strerror(errno ? errno : EIO));
  return kExitBadInput;
}

}  // namespace

int run_command(CLI::App& app, int argc, char** argv) {
  app.set_version_flag("--version", app.get_name() + " " + kVersion + " (" + kCommit + ")");
  app.require_subcommand(1);
  const auto program = app.get_name();
  const auto* name = program.c_str();
  catch_interrupts();
  try {
    choose_instruction_set();
    app.parse(argc, argv);
    return finish_output(name);
  } catch (const CLI::ParseError& error) {
    const int code = report_usage(app, error);
    return code == 0 ? finish_output(name) : code;  // --help, --version
  } catch (const Error& error) {
    std::fprintf(stderr, "%s: %s\n", name, error.what());
    return kExitBadInput;
  } catch (const fs::filesystem_error& error) {
    // What a user can cause, such as a folder that may not be read: the path and the reason.
    std::fprintf(stderr, "%s: %s: %s\n", name, error.path1().c_str(),
                 error.code().message().c_str());
    return kExitBadInput;
  } catch (const Interrupted& error) {
    std::fprintf(stderr, "%s: %s\n", name, error.what());
    return kExitInterrupted;
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr, "%s: out of memory\n", name);
    return kExitFault;
  } catch (const std::exception& error) {
    // LibTorch adds a stack trace in further lines.
    const std::string text = error.what();
    std::fprintf(stderr, "%s: internal fault: %s\n", name, text.substr(0, text.find('\n')).c_str());
    return kExitFault;
  }
}

}  // namespace tessera::cli
