#include "cli/usage.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <optional>

#include "base/settings.h"

namespace tessera::cli {
namespace {

// A value as a message shows it.
std::string shown(const std::string& value) {
  constexpr std::size_t kLongest = 80;
  return "'" + (value.size() > kLongest ? value.substr(0, kLongest) + ".." : value) + "'";
}

std::string is_but_expected(const std::string& value, const std::string& expected) {
  return "is " + shown(value) + ", expected " + expected;
}

// "a, b or c"
std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i)
    text += (i == 0 ? "" : i + 1 == names.size() ? " or " : ", ") + names[i];
  return text;
}

std::string digits_of(double number) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", number);
  return text;
}

// Whether the whole text is a number, which is written to `value`.
template <typename T>
bool reads(std::string_view text, T& value) {
  if (text.starts_with('+')) text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

CLI::Validator number(double least, double most, bool above) {
  const bool bounded = most < std::numeric_limits<double>::max();
  const auto range =
      above     ? "above " + digits_of(least) + (bounded ? " and at most " + digits_of(most) : "")
      : bounded ? "from " + digits_of(least) + " to " + digits_of(most)
      : least == std::numeric_limits<double>::lowest() ? "that is finite"
                                                       : "of " + digits_of(least) + " or more";
  return {[=](std::string& text) -> std::string {
            double value = 0;
            const bool good = reads(text, value) && std::isfinite(value) && value <= most &&
                              (above ? value > least : value >= least);
            return good ? "" : is_but_expected(text, "a number " + range);
          },
          range};
}

std::vector<const CLI::App*> commands_of(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const auto* command : commands_of(app)) names.push_back(command->get_name());
  return names;
}

// The innermost of the commands that were chosen.
const CLI::App& innermost(const CLI::App& app) {
  const auto chosen = app.get_subcommands();
  return chosen.empty() ? app : innermost(*chosen.front());
}

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const auto* option : app.get_options())
    for (const auto& name : option->get_lnames()) names.push_back("--" + name);
  return names;
}

// The option of that name as CLI11's messages give it ("--data", "files"); null if there is none.
const CLI::Option* option_named(const CLI::App& app, const std::string& name) {
  for (const auto* option : app.get_options())
    if (option->get_name() == name || option->check_name(name)) return option;
  return nullptr;
}

// The paths, below `app`, of commands of this name: "train tokenizer".
void find_paths(const CLI::App& app, const std::string& name, const std::string& above,
                std::vector<std::string>& paths) {
  for (const auto* command : commands_of(app)) {
    const auto path = above + command->get_name();
    if (command->get_name() == name) paths.push_back(path);
    find_paths(*command, name, path + " ", paths);
  }
}

struct UnknownCommand {
  const CLI::App* parent;
  std::string path;  // of the parent
  std::string word;
};

// The first word that stands where a command should and names none.
std::optional<UnknownCommand> unknown_command(const CLI::App& app,
                                              const std::vector<std::string>& words) {
  const auto* parent = &app;
  auto path = app.get_name();
  for (const auto& word : words) {
    const auto commands = commands_of(*parent);
    if (commands.empty()) return std::nullopt;
    if (word.starts_with('-')) return std::nullopt;  // an option that is unknown or has no place
    const auto next = std::find_if(commands.begin(), commands.end(), [&](const auto* command) {
      return command->get_name() == word;
    });
    if (next == commands.end()) return UnknownCommand{parent, path, word};
    parent = *next;
    path += " " + word;
  }
  return std::nullopt;
}

std::string did_you_mean(const std::string& name) {
  return name.empty() ? "" : ", did you mean '" + name + "'?";
}

std::string about_command(const CLI::App& app, const UnknownCommand& unknown) {
  const auto names = command_names(*unknown.parent);
  std::vector<std::string> paths;
  find_paths(app, unknown.word, "", paths);
  const auto nearest = close_name(unknown.word, names);
  std::string hint;
  if (!paths.empty())
    hint = ", did you mean '" + app.get_name() + " " + listed(paths) + "'?";
  else if (unknown.word == "help" || unknown.word == "version")
    hint = did_you_mean("--" + unknown.word);
  else if (!nearest.empty())
    hint = did_you_mean(nearest);
  else
    hint = ", expected " + listed(names);
  return "unknown command " + shown(unknown.word) + hint + see_help(unknown.path);
}

// The long option that "-v" may stand for: of this command, or one that every program has.
std::string option_of_letter(const CLI::App& command, char letter) {
  auto names = option_names(command);
  names.push_back("--version");
  for (const auto& name : names)
    if (name[2] == letter) return name;
  return "";
}

std::string about_option(const CLI::App& command, const std::string& word) {
  const auto name = word.substr(0, word.find('='));
  const bool letter = !name.starts_with("--");
  const auto nearest = letter ? name.size() > 1 ? option_of_letter(command, name[1]) : ""
                              : close_name(name, option_names(command));
  return "unknown option " + shown(name) + did_you_mean(nearest);
}

// A refusal of a known option; CLI11 gives its name up to `end` of the message.
std::string about_value(const CLI::App& command, const CLI::ParseError& error) {
  const std::string text = error.what();
  if (const auto colon = text.find(": "); error.get_name() == "ValidationError")
    // Our validators say "is '-4', expected ..".
    return text.substr(0, colon) + " " + text.substr(colon + 2);
  if (error.get_name() == "RequiredError") {
    const auto name = text.substr(0, text.find(" is required"));
    const auto* option = option_named(command, name);
    return name + " is missing, expected " + (option ? option->get_description() : "a value");
  }
  if (error.get_name() == "ArgumentMismatch") {
    const auto name = text.substr(0, text.find_first_of(": "));
    const auto* option = option_named(command, name);
    if (option && option->count() > 1)
      return name + " is given " + std::to_string(option->count()) + " times, expected once";
    return name + " has no value, expected " + (option ? option->get_description() : "one");
  }
  if (error.get_name() == "ExcludesError")
    return text.substr(0, text.find(' ')) + " and " + text.substr(text.rfind(' ') + 1) +
           " were both given, expected one of them";
  if (constexpr std::string_view kBegin = "Could not convert: "; text.starts_with(kBegin)) {
    const auto equals = text.find(" = ");
    const auto name = text.substr(kBegin.size(), equals - kBegin.size());
    const auto* option = option_named(command, name);
    const bool flag = option && option->get_expected_max() == 0;
    return name + " " +
           is_but_expected(equals == std::string::npos ? "" : text.substr(equals + 3),
                           flag ? "no value" : "another kind of value");
  }
  return text;
}

}  // namespace

CLI::Validator whole_number(std::int64_t least, std::uint64_t most) {
  const auto range = "from " + std::to_string(least) + " to " + std::to_string(most);
  return {[=](std::string& text) -> std::string {
            std::int64_t small = 0;
            std::uint64_t large = 0;
            const bool negative = reads(text, small) && small < 0;
            const bool good = negative
                                  ? small >= least
                                  : reads(text, large) && large <= most &&
                                        (least <= 0 || large >= static_cast<std::uint64_t>(least));
            if (!good) return is_but_expected(text, "a whole number " + range);
            text = negative ? std::to_string(small) : std::to_string(large);  // 010 is ten
            return "";
          },
          range};
}

CLI::Validator number_from(double least, double most) { return number(least, most, false); }

CLI::Validator number_above(double bound, double most) { return number(bound, most, true); }

CLI::Validator one_of(std::vector<std::string> names) {
  const auto description = listed(names);
  return {[names = std::move(names)](std::string& text) -> std::string {
            if (std::find(names.begin(), names.end(), text) != names.end()) return "";
            return is_but_expected(text, listed(names)) + did_you_mean(close_name(text, names));
          },
          description};
}

void check_all_numbers(CLI::App& app) {
  for (auto* option : app.get_options()) {
    const auto type = option->get_type_name();
    if (type == "INT")
      option->transform(whole_number(INT_MIN));
    else if (type == "UINT")
      option->transform(whole_number(0, UINT32_MAX));
    else if (type == "FLOAT")
      option->transform(number_from(std::numeric_limits<double>::lowest()));
  }
  for (auto* command : app.get_subcommands([](CLI::App*) { return true; }))
    check_all_numbers(*command);
}

std::string chosen_command(const CLI::App& app) {
  const auto chosen = app.get_subcommands();
  return chosen.empty() ? app.get_name() : app.get_name() + " " + chosen_command(*chosen.front());
}

std::string usage_error(const CLI::App& app, const CLI::ParseError& error,
                        const std::vector<std::string>& words) {
  if (const auto unknown = unknown_command(app, words)) return about_command(app, *unknown);
  const auto& command = innermost(app);
  const auto help = see_help(chosen_command(app));
  // CLI11 names what is missing first, which is often a misspelt option's value.
  const auto left_over = app.remaining(true);
  for (const auto& word : left_over)
    if (word.size() > 1 && word.starts_with('-') && word != "--")
      return about_option(command, word) + help;
  if (const auto names = command_names(command); !names.empty())
    return "a subcommand is missing, expected " + listed(names) + help;
  // By its code: CLI11 gives this error the command's name.
  if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::ExtrasError)) {
    const std::string text = error.what();
    const auto word = left_over.empty() ? text.substr(text.rfind(": ") + 2) : left_over.front();
    return "unexpected argument " + shown(word) + ", expected options only" + help;
  }
  return about_value(command, error) + help;
}

std::string see_help(const std::string& command) { return " (see " + command + " --help)"; }

std::string one_line(std::string message) {
  for (auto& byte : message)
    if (static_cast<unsigned char>(byte) < ' ' || byte == '\x7f') byte = ' ';
  return message;
}

}  // namespace tessera::cli
