// A settings struct lists its fields once, in visit(); JSON, TOML, --set and the documentation come
// from it.
//
//   struct TokenizerConfig {
//     int codebook_size = 4096;
//     void visit(auto&& field) { field("codebook_size", codebook_size, "distinct tokens"); }
//   };
//
// A field is a bool, a number, a string, a vector of these, a choice (an enum with choice_names),
// another struct or a vector of one, or any JSON.
#pragma once

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/error.h"

namespace tessera {

/// The candidate nearest to `name` by edit distance; empty when there is none.
std::string nearest_name(std::string_view name, const std::vector<std::string>& candidates);

/// The same, but empty unless it is near enough to be what was meant.
std::string close_name(std::string_view name, const std::vector<std::string>& candidates);

/// An enum whose values have names: found by argument-dependent look-up of choice_names(Enum).
template <typename T>
concept Choice = std::is_enum_v<T> && requires(T value) {
  choice_names(value);
};

template <typename T>
concept Settings = requires(T value) {
  value.visit([](const char*, auto&, const char*) {});
};

template <typename T>
concept SettingsList = requires {
  typename T::value_type;
}
&&!std::is_same_v<T, nlohmann::json> && Settings<typename T::value_type>;

template <Choice T>
std::string choice_name(T value) {
  return std::string(choice_names(value)[static_cast<std::size_t>(value)]);
}

template <typename T>
nlohmann::json to_json(T value) {
  if constexpr (Choice<T>) {
    return choice_name(value);
  } else if constexpr (Settings<T>) {
    nlohmann::json json = nlohmann::json::object();
    value.visit([&](const char* name, auto& field, const char*) { json[name] = to_json(field); });
    return json;
  } else if constexpr (SettingsList<T>) {
    nlohmann::json json = nlohmann::json::array();
    for (const auto& item : value) json.push_back(to_json(item));
    return json;
  } else {
    return value;
  }
}

namespace detail {
[[noreturn]] void refuse_value(const std::string& where, const nlohmann::json& found,
                               const std::string& expected);
[[noreturn]] void refuse_name(const std::string& where, const std::string& name,
                              const std::vector<std::string>& known);

template <typename T>
void read_value(T& field, const nlohmann::json& json, const std::string& where) {
  if constexpr (std::is_same_v<T, bool>) {
    if (!json.is_boolean()) refuse_value(where, json, "true or false");
    field = json.get<bool>();
  } else if constexpr (std::is_integral_v<T>) {
    if (!json.is_number_integer()) refuse_value(where, json, "a whole number");
    const auto wide = json.get<long long>();
    field = static_cast<T>(wide);
    if (static_cast<long long>(field) != wide) refuse_value(where, json, "a smaller number");
  } else if constexpr (std::is_floating_point_v<T>) {
    if (!json.is_number()) refuse_value(where, json, "a number");
    field = json.get<T>();
  } else if constexpr (std::is_same_v<T, std::string>) {
    if (!json.is_string()) refuse_value(where, json, "a string");
    field = json.get<std::string>();
  } else if constexpr (std::is_same_v<T, nlohmann::json>) {
    field = json;
  } else {
    if (!json.is_array()) refuse_value(where, json, "a list");
    field.clear();
    for (const auto& item : json) read_value(field.emplace_back(), item, where);
  }
}
}  // namespace detail

/// Overwrites the fields that `json` names. Throws Error for an unknown name (with the nearest
/// known one) or a wrong type; `where` says where the values come from, for the message
/// ("recipes/mine.toml").
template <typename T>
void from_json(T& value, const nlohmann::json& json, const std::string& where) {
  if constexpr (Choice<T>) {
    std::string expected = "one of";
    for (std::size_t index = 0; const auto name : choice_names(value)) {
      if (json.is_string() && json.get<std::string>() == name) {
        value = static_cast<T>(index);
        return;
      }
      expected += (index++ ? ", " : " ") + std::string(name);
    }
    detail::refuse_value(where, json, expected);
  } else if constexpr (Settings<T>) {
    if (!json.is_object()) detail::refuse_value(where, json, "a table");
    std::vector<std::string> known;
    value.visit([&](const char* name, auto& field, const char*) {
      known.emplace_back(name);
      if (json.contains(name)) from_json(field, json[name], where + ": " + name);
    });
    for (const auto& [name, unused] : json.items())
      if (std::find(known.begin(), known.end(), name) == known.end())
        detail::refuse_name(where, name, known);
  } else if constexpr (SettingsList<T>) {
    if (!json.is_array()) detail::refuse_value(where, json, "a list of tables");
    value.clear();
    for (const auto& item : json)
      from_json(value.emplace_back(), item, where + " " + std::to_string(value.size()));
  } else {
    detail::read_value(value, json, where);
  }
}

/// Reads TOML into JSON, dates refused. Throws FileError with line and column.
nlohmann::json read_toml(const std::string& path);

/// Applies "table.key=value" (value in TOML; a bare word is a string) to a JSON tree of settings.
void apply_override(nlohmann::json& json, const std::string& assignment);

}  // namespace tessera
