#include "samples/classes.h"

#include <algorithm>
#include <charconv>
#include <numeric>
#include <sstream>

#include "base/class_names.h"
#include "base/settings.h"

namespace tessera {

namespace {

// Without blanks at both ends ("3, 4"), unless they belong to a class's name.
std::string without_blanks(const std::string& text, const std::vector<std::string>& class_names) {
  if (std::find(class_names.begin(), class_names.end(), text) != class_names.end()) return text;
  const auto begin = text.find_first_not_of(" \t"), end = text.find_last_not_of(" \t");
  return begin == std::string::npos ? "" : text.substr(begin, end - begin + 1);
}

}  // namespace

std::int64_t parse_class(const std::string& text, const std::vector<std::string>& class_names) {
  auto named = std::find(class_names.begin(), class_names.end(), text);
  if (named == class_names.end())  // as the shell gives its bytes, or a character as \xNN
    named = std::find_if(class_names.begin(), class_names.end(), [&](const std::string& name) {
      return bytes_of_class_name(name) == bytes_of_class_name(text);
    });
  if (named != class_names.end()) return named - class_names.begin();
  std::int64_t number = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const auto classes = static_cast<std::int64_t>(class_names.size());
  if (error == std::errc() && end == text.data() + text.size() && number >= 0 && number < classes)
    return number;
  const auto nearest = nearest_name(text, class_names);
  throw UsageError("--classes: there is no class '" + text + "', expected a number from 0 to " +
                   std::to_string(classes - 1) + " or a name" +
                   (nearest.empty() ? "" : "; the nearest is '" + nearest + "'") +
                   (nearest.find(',') == std::string::npos ? "" : " (write its comma as \\x2c)"));
}

std::vector<std::int64_t> parse_classes(const std::string& text,
                                        const std::vector<std::string>& class_names) {
  std::vector<std::int64_t> classes;
  if (text == "all") {
    classes.resize(class_names.size());
    std::iota(classes.begin(), classes.end(), 0);
    return classes;
  }
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, ',');)
    classes.push_back(parse_class(without_blanks(part, class_names), class_names));
  if (classes.empty())
    throw UsageError("--classes is empty, expected all, or numbers or names with commas between");
  return classes;
}

std::vector<std::int64_t> labels_in_proportion(std::int64_t count,
                                               const std::vector<double>& sizes) {
  const double all = std::accumulate(sizes.begin(), sizes.end(), 0.0);
  if (!(all > 0)) throw Error("no image is of the classes to be drawn");
  std::vector<std::int64_t> labels;
  std::vector<double> drawn(sizes.size());
  for (std::int64_t i = 0; i < count; ++i) {
    std::vector<double> behind;
    for (std::size_t label = 0; label < sizes.size(); ++label)
      behind.push_back(sizes[label] * static_cast<double>(i + 1) - drawn[label] * all);
    const auto furthest = std::max_element(behind.begin(), behind.end()) - behind.begin();
    ++drawn[static_cast<std::size_t>(furthest)];
    labels.push_back(furthest);
  }
  return labels;
}

}  // namespace tessera
