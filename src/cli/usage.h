// The one place that makes usage errors: what an option takes, and the line that says what is
// wrong.
#pragma once

#include <CLI/CLI.hpp>
#include <climits>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace tessera::cli {

// What an option takes, for CLI::Option::transform. Anything else is refused with what was found
// and what is expected.

/// A whole number in decimal digits.
CLI::Validator whole_number(std::int64_t least, std::uint64_t most = INT_MAX);
/// A finite number.
CLI::Validator number_from(double least, double most = std::numeric_limits<double>::max());
CLI::Validator number_above(double bound, double most = std::numeric_limits<double>::max());
/// One of these names.
CLI::Validator one_of(std::vector<std::string> names);

/// Gives every numeric option that has no range of its own the one of its type, so that whatever
/// is no number is refused in the same words.
void check_all_numbers(CLI::App& app);

/// "tessera train tokenizer": the program and the command that was chosen.
std::string chosen_command(const CLI::App& app);

/// What is wrong with a command line that CLI11 refused, in one line without the program's name:
/// the option, what was found, what is expected, the nearest name, and whose --help says more.
std::string usage_error(const CLI::App& app, const CLI::ParseError& error,
                        const std::vector<std::string>& words);

/// " (see tessera train tokenizer --help)"
std::string see_help(const std::string& command);

/// A message without control characters, so that it stays one line whatever was quoted.
std::string one_line(std::string message);

}  // namespace tessera::cli
