#include "training/run_identity.h"

#include <torch/torch.h>
#include <torch/version.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "base/files.h"
#include "base/machine.h"

namespace tessera {
namespace {

constexpr std::size_t kImagesRead = 32;
constexpr int kSide = 16;                 // pixels
constexpr double kSameBrightness = 1e-3;  // of a range of 2

// "/recipe/data/image_size" is "data.image_size", as --set has it.
std::string setting_name(const std::string& pointer) {
  auto name = pointer.substr(pointer.starts_with("/recipe/") ? 8 : 1);
  std::replace(name.begin(), name.end(), '/', '.');
  return name;
}

void erase(nlohmann::json& json, const std::string& pointer) {
  const nlohmann::json::json_pointer place(pointer);
  if (json.contains(place)) json[place.parent_pointer()].erase(place.back());
}

bool same_brightness(const nlohmann::json& a, const nlohmann::json& b) {
  if (!a.is_array() || !b.is_array() || a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!a[i].is_number() || !b[i].is_number()) {
      if (a[i] != b[i]) return false;
    } else if (std::abs(a[i].get<double>() - b[i].get<double>()) > kSameBrightness) {
      return false;
    }
  }
  return true;
}

}  // namespace

nlohmann::json identity_of(const ImageSet& images) {
  std::string listing;
  for (std::size_t i = 0; i < images.size(); ++i)
    listing += fs::path(images.name(i)).filename().string() + '\t' +
               std::to_string(images.label(i)) + '\n';
  auto brightness = nlohmann::json::array();
  const auto read = std::min(kImagesRead, images.size());
  std::vector<float> pixels(std::size_t{kSide} * kSide * 3);
  for (std::size_t i = 0; i < read; ++i) {
    try {
      images.read(i * images.size() / read, kSide, pixels.data());
      brightness.push_back(std::accumulate(pixels.begin(), pixels.end(), 0.0) /
                           static_cast<double>(pixels.size()));
    } catch (const FileError&) {
      brightness.push_back(nullptr);
    }
  }
  return {{"count", images.size()}, {"listing", sha256(listing)}, {"brightness", brightness}};
}

std::string difference_of_images(const nlohmann::json& now, const nlohmann::json& before) {
  const auto of = [](const nlohmann::json& json, const char* key) {
    return json.value(key, nlohmann::json());
  };
  if (of(now, "count") != of(before, "count"))
    return "there are " + of(now, "count").dump() + " images, there were " +
           of(before, "count").dump();
  if (of(now, "listing") != of(before, "listing")) return "file names or classes are not the same";
  if (!same_brightness(of(now, "brightness"), of(before, "brightness")))
    return "the names are the same, but the pixels are not";
  return "";
}

std::string difference_of_settings(nlohmann::json now, nlohmann::json before,
                                   const std::vector<std::string>& free) {
  for (const auto& pointer : free) {
    erase(now, pointer);
    erase(before, pointer);
  }
  for (const auto& change : nlohmann::json::diff(before, now)) {
    const auto pointer = change["path"].get<std::string>();
    const nlohmann::json::json_pointer place(pointer);
    return setting_name(pointer) + " is " + (now.contains(place) ? now[place].dump() : "absent") +
           ", was " + (before.contains(place) ? before[place].dump() : "absent");
  }
  return "";
}

std::vector<std::string> free_settings(const std::string& training_table) {
  std::vector<std::string> pointers = {"/recipe/data/loader_threads",
                                       "/recipe/data/cache_megabytes", "/recipe/sampling"};
  for (const char* setting : {"log_every", "valid_every", "valid_images"})
    pointers.push_back("/recipe/" + training_table + "/" + setting);
  return pointers;
}

nlohmann::json this_machine(const std::string& device) {
  return {{"threads", torch::get_num_threads()},
          {"processor", processor_name()},
          {"device", device},
          {"libtorch", TORCH_VERSION}};
}

std::string difference_of_machines(const nlohmann::json& now, const nlohmann::json& before) {
  std::string text;
  for (const char* key : {"threads", "processor", "device", "libtorch"}) {
    if (!before.contains(key) || now[key] == before[key]) continue;
    const auto word = [&](const nlohmann::json& value) {
      return value.is_string() ? value.get<std::string>() : value.dump();
    };
    text += (text.empty() ? "" : ", ") + std::string(key) + " " + word(now[key]) + " (" +
            word(before[key]) + " before)";
  }
  return text;
}

}  // namespace tessera
