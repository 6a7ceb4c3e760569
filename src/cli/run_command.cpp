#include "cli/run_command.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <new>
#include <stdexcept>
#include <system_error>

#include "base/error.h"
#include "base/files.h"
#include "base/interrupt.h"
#include "base/version.h"
#include "cli/usage.h"
#include "models/instruction_set_choice.h"

namespace tessera::cli {
namespace {

constexpr int kExitBadInput = 2;
constexpr int kExitFault = 1;
constexpr int kExitInterrupted = 130;

int report(const CLI::App& app, const std::string& message, int exit_code) {
  std::fprintf(stderr, "%s: %s\n", app.get_name().c_str(), one_line(message).c_str());
  return exit_code;
}

// LibTorch adds a stack trace in further lines.
std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

// LibTorch has no type of its own for memory that it did not get.
bool is_lack_of_memory(const std::string& text) {
  return text.find("DefaultCPUAllocator") != std::string::npos ||
         text.find("CUDA out of memory") != std::string::npos;
}

int report_lack_of_memory(const CLI::App& app) {
  return report(app,
                "not enough memory for what was asked: try smaller images, batches or models" +
                    see_help(chosen_command(app)),
                kExitBadInput);
}

int report_other(const CLI::App& app, const std::exception& error) {
  if (is_lack_of_memory(error.what())) return report_lack_of_memory(app);
  return report(app, "internal fault: " + first_line(error.what()), kExitFault);
}

// What was printed must have arrived, too, on a full disk for example.
int finish_output(const CLI::App& app) {
  errno = 0;
  std::cout.flush();
  if (std::fflush(stdout) == 0 && !std::ferror(stdout) && std::cout) return 0;
  return report(
      app, std::string("standard output: cannot be written: ") + std::strerror(errno ? errno : EIO),
      kExitBadInput);
}

}  // namespace

int run_command(CLI::App& app, int argc, char** argv) {
  app.set_version_flag("--version", app.get_name() + " " + kVersion + " (" + kCommit + ")");
  app.require_subcommand(1);
  check_all_numbers(app);
  catch_interrupts();
  try {
    choose_instruction_set();
    app.parse(argc, argv);
    return finish_output(app);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) {  // --help, --version
      app.exit(error);
      return finish_output(app);
    }
    return report(app, usage_error(app, error, {argv + 1, argv + argc}), kExitBadInput);
  } catch (const UsageError& error) {
    return report(app, error.what() + see_help(chosen_command(app)), kExitBadInput);
  } catch (const Error& error) {
    return report(app, error.what(), kExitBadInput);
  } catch (const Interrupted& error) {
    return report(app, error.what(), kExitInterrupted);
  } catch (const std::filesystem::filesystem_error& error) {
    return report(app, error.path1().string() + ": " + error.code().message(), kExitBadInput);
  } catch (const std::system_error& error) {  // the system refuses a thread, a file ..
    return report(app, error.what(), kExitBadInput);
  } catch (const std::bad_alloc&) {
    return report_lack_of_memory(app);
  } catch (const std::length_error&) {  // a size beyond what memory can hold
    return report_lack_of_memory(app);
  } catch (const std::exception& error) {
    return report_other(app, error);
  }
}

}  // namespace tessera::cli
