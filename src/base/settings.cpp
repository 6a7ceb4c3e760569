#include "base/settings.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/files.h"
#include "base/toml_compat.h"

namespace tessera {
namespace {

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0]++;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] != b[j]);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

// toml11 3 clips numbers that do not fit to the nearest that does.
template <typename T>
T in_range(T value, const std::string& path) {
  using Limits = std::numeric_limits<T>;
  if (value > Limits::lowest() && value < Limits::max()) return value;
  throw FileError(path, "holds a number out of range");
}

nlohmann::json json_from_toml(const toml::value& value, const std::string& path) {
  switch (value.type()) {
    case toml::value_t::boolean:
      return value.as_boolean();
    case toml::value_t::integer:
      return in_range(value.as_integer(), path);
    case toml::value_t::floating:
      return in_range(value.as_floating(), path);
    case toml::value_t::string:
      return toml_string(value);
    case toml::value_t::array: {
      auto array = nlohmann::json::array();
      for (const auto& item : value.as_array()) array.push_back(json_from_toml(item, path));
      return array;
    }
    case toml::value_t::table: {
      auto object = nlohmann::json::object();
      for (const auto& [name, item] : value.as_table()) object[name] = json_from_toml(item, path);
      return object;
    }
    default:
      throw FileError(path, "holds a date or an empty value, which no setting takes");
  }
}

// toml11 follows nesting with its own stack, so a hostile file could exhaust it. Keys and inline
// tables nest within a line, arrays across lines.
void refuse_deep_nesting(const std::string& text, const std::string& path) {
  constexpr std::size_t kLongestLine = 1000, kMostBrackets = 500;
  std::size_t line_begin = 0, brackets = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n') line_begin = i + 1;
    brackets += text[i] == '[' || text[i] == '{';
    if (i > line_begin + kLongestLine || brackets > kMostBrackets)
      throw FileError(path,
                      "has a line of over 1000 characters or over 500 brackets, as no recipe has");
  }
}

nlohmann::json parse_toml(const std::string& text, const std::string& path) {
  refuse_deep_nesting(text, path);
  return json_from_toml(parse_toml_value(text, path), path);
}

}  // namespace

std::string nearest_name(std::string_view name, const std::vector<std::string>& candidates) {
  std::string best;
  std::size_t best_distance = std::string::npos;
  for (const auto& candidate : candidates) {
    const auto distance = edit_distance(name, candidate);
    if (distance < best_distance) best = candidate, best_distance = distance;
  }
  return best;
}

std::string close_name(std::string_view name, const std::vector<std::string>& candidates) {
  auto nearest = nearest_name(name, candidates);
  const auto shorter = std::min(name.size(), nearest.size());
  const auto most = std::max<std::size_t>(2, shorter / 3);  // two letters exchanged are 2
  if (edit_distance(name, nearest) > std::min(most, shorter / 2)) nearest.clear();
  return nearest;
}

nlohmann::json read_toml(const std::string& path) {
  const std::string text = read_file(path, 1 << 20);
  if (text.find('\0') != std::string::npos) throw FileError(path, "is not a text file");
  return parse_toml(text, path);
}

void apply_override(nlohmann::json& json, const std::string& assignment) {
  const auto equals = assignment.find('=');
  const auto dot = assignment.find('.');
  if (equals == std::string::npos || dot == std::string::npos || dot > equals)
    throw UsageError("--set " + assignment + ": expected table.key=value");
  const std::string table = assignment.substr(0, dot);
  const std::string key = assignment.substr(dot + 1, equals - dot - 1);
  const std::string text = assignment.substr(equals + 1);
  nlohmann::json value;
  try {
    value = parse_toml("value = " + text + "\n", "--set").at("value");
  } catch (const Error&) {
    value = text;  // a bare word, such as regularizer.input=quantized
  }
  if (!json.is_object() || (json.contains(table) && !json[table].is_object()))
    throw UsageError("--set " + assignment + ": " + table + " is not a table of the recipe");
  json[table][key] = value;
}

namespace detail {

void refuse_value(const std::string& where, const nlohmann::json& found,
                  const std::string& expected) {
  std::string text = json_text(found);
  if (text.size() > 80) text = text.substr(0, 80) + "..";
  throw Error(where + " is " + text + ", expected " + expected);
}

void refuse_name(const std::string& where, const std::string& name,
                 const std::vector<std::string>& known) {
  const auto near = close_name(name, known);
  std::string expected;
  for (const auto& one : known) expected += (expected.empty() ? "" : ", ") + one;
  throw Error(
      where + ": unknown name '" + name +
      (near.empty() ? "', expected one of " + expected : "', did you mean '" + near + "'?"));
}

}  // namespace detail
}  // namespace tessera
