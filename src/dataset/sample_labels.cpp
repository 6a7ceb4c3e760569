#include "dataset/sample_labels.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <unordered_map>

#include "base/class_names.h"
#include "base/error.h"
#include "image/image.h"

namespace tessera {
namespace {

constexpr std::size_t kMostLabel = 255;        // bytes of a class's name
constexpr std::int64_t kMostNumber = 999'999;  // of a class
// Where a label stands in a sample's JSON, in the order of preference.
constexpr const char* kLabelFields[] = {"label",    "cls",        "class",     "class_id",
                                        "label_id", "class_name", "label_name"};

struct SampleName {
  std::string_view sample, field;  // "shard/0" and "input.png"
};

SampleName split_name(std::string_view name) {
  const auto file = name.rfind('/') == std::string_view::npos ? 0 : name.rfind('/') + 1;
  const auto dot = name.find('.', file);
  if (dot == std::string_view::npos) return {name, ""};
  return {name.substr(0, dot), name.substr(dot + 1)};
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

// "input.png 6, seg.png 6"
std::string counted(const std::map<std::string, std::size_t>& fields) {
  std::string text;
  std::size_t shown = 0;
  for (const auto& [field, count] : fields) {
    if (++shown > 10) return text + ", ..";
    text += (text.empty() ? "" : ", ") + class_name_of_bytes(field) + " " + std::to_string(count);
  }
  return text;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  const auto first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return "";
  return text.substr(first, text.find_last_not_of(kSpace) + 1 - first);
}

// A number of a class as Python prints it: no sign, no leading zero.
std::optional<std::int64_t> class_number(std::string_view text) {
  std::int64_t number = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 0) return std::nullopt;
  return std::to_string(number) == text ? std::optional(number) : std::nullopt;
}

std::optional<std::string> label_of_json(const nlohmann::json& value) {
  if (value.is_string()) return std::string(trimmed(value.get<std::string>()));
  if (value.is_number_integer()) return value.dump();
  return std::nullopt;
}

class Labeller {
 public:
  Labeller(const SampleFiles& files, const SampleKeys& keys, DataNotes& notes)
      : files_(files), keys_(keys), notes_(notes) {}

  LabelledImages label() {
    choose_images();
    LabelledImages result{images_, {}};
    if (!images_.empty()) {
      warn_of_several_images();
      result.labels = choose_labels();
    }
    pass_over_others();
    return result;
  }

 private:
  std::string key_of(std::size_t file) const {
    const auto archive = files_.archives.empty() ? 0 : files_.archives[file];
    return std::to_string(archive) + "/" + std::string(split_name(files_.names[file]).sample);
  }

  void choose_images() {
    std::map<std::string, std::size_t> fields;
    for (std::size_t i = 0; i < files_.names.size(); ++i)
      if (has_image_extension(files_.names[i])) {
        images_.push_back(i);
        if (!keys_.image.empty()) ++fields[lower(split_name(files_.names[i]).field)];
      }
    if (keys_.image.empty() || images_.empty()) return;
    std::string key = lower(keys_.image);
    std::map<std::string, std::pair<std::size_t, std::size_t>> best;  // key's place, file
    for (const auto file : images_) {
      const auto field = lower(split_name(files_.names[file]).field);
      std::size_t place = 0;
      for (std::size_t begin = 0; begin <= key.size(); ++place) {
        const auto end = std::min(key.find(';', begin), key.size());
        if (key.compare(begin, end - begin, field) == 0) {
          const std::pair found{place, file};
          const auto [known, is_new] = best.emplace(key_of(file), found);
          if (!is_new) known->second = std::min(known->second, found);
          break;
        }
        begin = end + 1;
      }
    }
    if (best.empty())
      throw Error("--image-key " + keys_.image + ": no image of " + files_.root +
                  " has this key; there are " + counted(fields));
    notes_.left_out += images_.size() - best.size();
    images_.clear();
    for (const auto& [sample, found] : best) images_.push_back(found.second);
    std::ranges::sort(images_);
  }

  // Masks and the like would be taken for images.
  void warn_of_several_images() {
    if (!keys_.image.empty()) return;
    std::unordered_map<std::string, int> samples;
    std::map<std::string, std::size_t> fields;
    std::size_t several = 0;
    for (const auto file : images_) {
      if (++samples[key_of(file)] == 2) ++several;
      const auto field = split_name(files_.names[file]).field;
      if (fields.size() < 100) ++fields[lower(field)];
    }
    constexpr std::size_t kMostFields = 20;
    if (several * 2 <= samples.size() || fields.size() > kMostFields) return;
    notes_.oddities.push_back(std::to_string(several) + " of its samples hold several images (" +
                              counted(fields) + "), and each is read as one of its own; " +
                              "--image-key " + fields.begin()->first + " reads one of each");
  }

  // For each image the file of its sample with this field.
  std::vector<std::optional<std::size_t>> beside(const std::string& field) const {
    std::unordered_map<std::string, std::size_t> found;
    for (std::size_t i = 0; i < files_.names.size(); ++i)
      if (!has_image_extension(files_.names[i]) &&
          lower(split_name(files_.names[i]).field) == field)
        found.emplace(key_of(i), i);
    std::vector<std::optional<std::size_t>> result;
    for (const auto file : images_) {
      const auto place = found.find(key_of(file));
      result.push_back(place == found.end() ? std::nullopt : std::optional(place->second));
    }
    return result;
  }

  Labels choose_labels() {
    if (keys_.label == "none") return one_class();
    if (keys_.label == "folder" || (keys_.label.empty() && !files_.archive)) return by_folder();
    if (!keys_.label.empty()) return by_key(lower(keys_.label));
    if (const auto cls = beside("cls"); any(cls))
      return instead_of_folders(read_texts("cls", cls), ".cls");
    if (const auto json = beside("json"); any(json))
      if (auto labels = guess_json(json)) return instead_of_folders(std::move(*labels), ".json");
    if (const auto txt = beside("txt"); any(txt))
      if (auto labels = guess_txt(txt)) return instead_of_folders(std::move(*labels), ".txt");
    return by_folder();
  }

  using Beside = std::vector<std::optional<std::size_t>>;

  static bool any(const Beside& files) {
    return std::ranges::any_of(files, [](const auto& file) { return file.has_value(); });
  }

  Labels one_class() const {
    return {std::vector<int>(images_.size()), {class_name_of_bytes(files_.root)}};
  }

  Labels by_folder() {
    std::vector<std::string> paths;
    for (const auto file : images_) paths.push_back(files_.names[file]);
    return labels_from_paths(paths, files_.root, files_.folders, notes_);
  }

  Labels by_key(const std::string& key) {
    const bool json = key == "json" || key.starts_with("json.");
    const auto files = beside(json ? "json" : key);
    if (!any(files))
      throw Error(
          "--label-key " + keys_.label + ": no image of " + files_.root +
          " has such a file beside it, expected cls, txt, json, json.FIELD, folder or none");
    if (!json) return read_texts(key, files);
    // The field as it was written: JSON tells capitals from small letters.
    return read_json(files, key == "json" ? field_of(first(files)) : keys_.label.substr(5));
  }

  static std::size_t first(const Beside& files) {
    return **std::ranges::find_if(files, [](const auto& file) { return file.has_value(); });
  }

  std::size_t require_file(const Beside& files, std::size_t image, const std::string& field) const {
    if (files[image]) return *files[image];
    const auto have =
        std::ranges::count_if(files, [](const auto& file) { return file.has_value(); });
    throw Error(files_.place(images_[image]) + ": has no ." + field + " beside it, as " +
                std::to_string(have) + " of " + std::to_string(files.size()) +
                " images have; --label-key folder or none reads none");
  }

  [[noreturn]] void refuse(std::size_t file, const std::string& found) const {
    throw Error(files_.place(file) + ": label is " + found +
                ", expected a number or a name of at most 255 bytes on one line (--label-key says "
                "where labels are)");
  }

  void require_label(std::size_t file, std::string_view label) const {
    if (label.empty()) refuse(file, "empty");
    if (label.size() > kMostLabel) refuse(file, std::to_string(label.size()) + " bytes long");
    if (label.find('\n') != std::string_view::npos) refuse(file, "several lines");
  }

  Labels read_texts(const std::string& field, const Beside& files) {
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < images_.size(); ++i) {
      const auto file = require_file(files, i, field);
      const auto bytes = files_.read(file);
      texts.emplace_back(trimmed(bytes));
      require_label(file, texts.back());
      used_.insert(file);
    }
    return from_texts(texts);
  }

  nlohmann::json parse(std::size_t file) const {
    auto json = nlohmann::json::parse(files_.read(file), nullptr, false);
    if (!json.is_object()) throw Error(files_.place(file) + ": is not a JSON object");
    return json;
  }

  Labels read_json(const Beside& files, const std::string& field) {
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < images_.size(); ++i) {
      const auto file = require_file(files, i, "json");
      const auto json = parse(file);
      if (!json.contains(field)) refuse(file, "missing (\"" + field + "\")");
      const auto label = label_of_json(json[field]);
      if (!label) refuse(file, "neither a whole number nor a string (\"" + field + "\")");
      require_label(file, *label);
      texts.push_back(*label);
      used_.insert(file);
    }
    return from_texts(texts);
  }

  static std::optional<std::string> label_field(const nlohmann::json& json) {
    for (const auto* field : kLabelFields)
      if (json.is_object() && json.contains(field) && label_of_json(json[field])) return field;
    return std::nullopt;
  }

  std::string field_of(std::size_t file) const {
    const auto field = label_field(parse(file));
    if (!field)
      throw Error(files_.place(file) +
                  ": has no label that is known, expected json.FIELD as --label-key");
    return *field;
  }

  std::optional<Labels> guess_json(const Beside& files) {
    const auto json = nlohmann::json::parse(files_.read(first(files)), nullptr, false);
    if (const auto field = label_field(json)) return read_json(files, *field);
    Names fields;
    if (json.is_object())
      for (const auto& [name, value] : json.items()) fields.push_back(class_name_of_bytes(name));
    notes_.oddities.push_back("its .json files have no label that is known" +
                              (fields.empty() ? "" : " (they have " + listed_names(fields) + ")") +
                              ", so they are not read; --label-key json.FIELD says which it is");
    return std::nullopt;
  }

  // Captions differ from image to image, names of classes come again.
  std::optional<Labels> guess_txt(const Beside& files) {
    std::set<std::string> distinct;
    bool numbers = true, names = true;
    for (const auto& file : files) {
      if (!file) return refuse_txt("of some images only");
      const auto bytes = files_.read(*file);
      const std::string text(trimmed(bytes));
      numbers = numbers && class_number(text);
      names = names && !text.empty() && text.size() <= kMostLabel && text.find('\n') == text.npos;
      distinct.insert(text.substr(0, kMostLabel + 1));
      if (!names || (!numbers && distinct.size() * 2 > files.size()))
        return refuse_txt("captions rather than classes");
    }
    return read_texts("txt", files);
  }

  std::optional<Labels> refuse_txt(const std::string& reason) {
    notes_.oddities.push_back("its .txt files are " + reason +
                              ", so they are not read; --label-key txt reads them as classes");
    return std::nullopt;
  }

  // Numbers keep their value, so that a class without an image does not shift those after it.
  Labels from_texts(const std::vector<std::string>& texts) {
    Labels labels;
    std::vector<std::int64_t> numbers;
    for (const auto& text : texts)
      if (const auto number = class_number(text)) numbers.push_back(*number);
    if (numbers.size() == texts.size()) {
      const auto largest = std::ranges::max(numbers);
      if (largest > kMostNumber)
        throw Error(files_.root + ": a label is " + std::to_string(largest) + ", expected 0 to " +
                    std::to_string(kMostNumber));
      std::vector<bool> seen(static_cast<std::size_t>(largest) + 1);
      for (const auto number : numbers) {
        labels.of_image.push_back(static_cast<int>(number));
        seen[static_cast<std::size_t>(number)] = true;
      }
      for (std::size_t i = 0; i < seen.size(); ++i) {
        labels.names.push_back(std::to_string(i));
        if (!seen[i]) notes_.classes_without_images.push_back(std::to_string(i));
      }
      return labels;
    }
    std::map<std::string, int> classes;
    for (const auto& text : texts) classes.emplace(text, 0);
    for (auto& [bytes, number] : classes) {
      number = static_cast<int>(labels.names.size());
      labels.names.push_back(class_name_of_bytes(bytes));
    }
    for (const auto& text : texts) labels.of_image.push_back(classes.at(text));
    return labels;
  }

  // Says so where the folders would give other classes.
  Labels instead_of_folders(Labels labels, const std::string& source) {
    try {
      DataNotes ignored;
      std::vector<std::string> paths;
      for (const auto file : images_) paths.push_back(files_.names[file]);
      const auto folders = labels_from_paths(paths, files_.root, {}, ignored).names;
      if (folders.size() > 1)
        notes_.oddities.push_back("labels are read from its " + source + " files, not from its " +
                                  std::to_string(folders.size()) +
                                  " folders; --label-key folder reads those");
    } catch (const Error&) {  // images beside folders: these are no class folders
    }
    if (const auto json = beside("json"); source == ".cls" && any(json)) {
      const auto value = nlohmann::json::parse(files_.read(first(json)), nullptr, false);
      if (const auto field = label_field(value))
        notes_.oddities.push_back("labels are read from its .cls files; --label-key json reads \"" +
                                  *field + "\" of its .json files");
    }
    return labels;
  }

  void pass_over_others() {
    bool labels = false;
    for (std::size_t i = 0; i < files_.names.size(); ++i) {
      if (has_image_extension(files_.names[i]) || used_.contains(i)) continue;
      notes_.pass_over(files_.names[i]);
      labels = labels || files_.names[i].ends_with(".cls");
    }
    if (labels && keys_.label.empty())
      notes_.oddities.push_back(
          "its .cls files may be labels, which are read with --label-key cls");
  }

  const SampleFiles& files_;
  const SampleKeys& keys_;
  DataNotes& notes_;
  std::vector<std::size_t> images_;
  std::set<std::size_t> used_;  // as labels
};

}  // namespace

LabelledImages label_samples(const SampleFiles& files, const SampleKeys& keys, DataNotes& notes) {
  return Labeller(files, keys, notes).label();
}

}  // namespace tessera
