#include "base/class_names.h"

#include <algorithm>
#include <map>
#include <set>

namespace tessera {
namespace {

// Bytes of the valid UTF-8 character that `text` begins with; 0 if it begins with none.
std::size_t character_size(std::string_view text) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4) return 0;
  for (std::size_t i = 1; i < size; ++i)
    if ((byte(i) & 0xc0) != 0x80) return 0;
  const unsigned second = byte(1);
  const bool overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
  const bool surrogate = first == 0xed && second >= 0xa0;
  const bool too_large = first == 0xf4 && second >= 0x90;
  return overlong || surrogate || too_large ? 0 : size;
}

int digit_of(char c) {
  return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// The byte that an escape at the beginning of `text` stands for; -1 if there is none.
int escaped_byte(std::string_view text) {
  if (text.size() < 4 || text[0] != '\\' || text[1] != 'x') return -1;
  const int high = digit_of(text[2]), low = digit_of(text[3]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

void append_escape(std::string& text, char byte) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  const auto value = static_cast<unsigned char>(byte);
  text += "\\x";
  text += kDigits[value >> 4];
  text += kDigits[value & 15];
}

std::map<std::string, int> places_of(const Names& names) {
  const auto folders = folder_names(names);
  std::map<std::string, int> places;
  for (std::size_t i = 0; i < folders.size(); ++i) places.emplace(folders[i], static_cast<int>(i));
  return places;
}

}  // namespace

std::string class_name_of_bytes(std::string_view bytes) {
  std::string name;
  while (!bytes.empty()) {
    const auto first = static_cast<unsigned char>(bytes[0]);
    const auto size = character_size(bytes);
    const bool control = first < 0x20 || first == 0x7f;
    if (size == 0 || control || escaped_byte(bytes) >= 0) {
      append_escape(name, bytes[0]);
      bytes.remove_prefix(1);
    } else {
      name += bytes.substr(0, size);
      bytes.remove_prefix(size);
    }
  }
  return name;
}

std::string bytes_of_class_name(std::string_view name) {
  std::string bytes;
  while (!name.empty()) {
    const int byte = escaped_byte(name);
    bytes += byte >= 0 ? static_cast<char>(byte) : name[0];
    name.remove_prefix(byte >= 0 ? 4 : 1);
  }
  return bytes;
}

std::string folder_name(const std::string& class_name) {
  auto name = bytes_of_class_name(class_name);
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == '/' || c == '\0'; }, '-');
  if (name.find_first_not_of('.') == std::string::npos)
    name.assign(std::max<std::size_t>(1, name.size()), '-');
  if (name[0] == '.') name[0] = '-';
  return name;
}

Names folder_names(const Names& class_names) {
  Names folders(class_names.size());
  std::set<std::string> taken;
  const auto is_own = [&](std::size_t i) {
    return folder_name(class_names[i]) == bytes_of_class_name(class_names[i]);
  };
  for (std::size_t i = 0; i < folders.size(); ++i)  // names that need no change keep their own
    if (is_own(i) && taken.insert(folder_name(class_names[i])).second)
      folders[i] = folder_name(class_names[i]);
  for (std::size_t i = 0; i < folders.size(); ++i) {
    if (!folders[i].empty()) continue;
    folders[i] = folder_name(class_names[i]);
    for (int count = 2; !taken.insert(folders[i]).second; ++count)
      folders[i] = folder_name(class_names[i]) + "-" + std::to_string(count);
  }
  return folders;
}

std::string listed_names(const Names& names, std::size_t most) {
  std::string text;
  const auto shown = std::min(names.size(), most);
  for (std::size_t i = 0; i < shown; ++i) {
    const bool last = i > 0 && i + 1 == names.size();
    text += (i == 0 ? "" : last ? " and " : ", ") + names[i];
  }
  return names.size() > shown ? text + " and " + std::to_string(names.size() - shown) + " more"
                              : text;
}

ClassDifference compare_classes(const Names& first, const Names& second) {
  const auto first_places = places_of(first), second_places = places_of(second);
  ClassDifference difference;
  for (const auto& [folder, place] : first_places)
    if (!second_places.contains(folder))
      difference.only_first.push_back(first[static_cast<std::size_t>(place)]);
  for (const auto& [folder, place] : second_places)
    if (!first_places.contains(folder))
      difference.only_second.push_back(second[static_cast<std::size_t>(place)]);
  return difference;
}

std::string class_mismatch(const std::string& first_set, const Names& first,
                           const std::string& second_set, const Names& second) {
  if (first.size() < 2 || second.size() < 2) return "";
  const auto difference = compare_classes(first, second);
  if (difference.none()) return "";
  std::string text = "classes differ";
  if (!difference.only_first.empty())
    text += "; only in " + first_set + ": " + listed_names(difference.only_first);
  if (!difference.only_second.empty())
    text += "; only in " + second_set + ": " + listed_names(difference.only_second);
  return text.replace(text.find(';'), 1, ":");
}

std::vector<int> match_classes(const Names& from, const Names& to) {
  const auto places = places_of(to);
  std::vector<int> found;
  for (const auto& folder : folder_names(from)) {
    const auto place = places.find(folder);
    found.push_back(place == places.end() ? -1 : place->second);
  }
  return found;
}

}  // namespace tessera
