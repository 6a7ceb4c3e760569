#pragma once

#include <nlohmann/json.hpp>

#include "dataset/image_set.h"

namespace tessera {

// What a resumed run must share with the run that wrote its checkpoint, and what it need not.

/// What tells whether two runs learn from the same images, wherever these lie and however their
/// path is spelled: {"count", "listing": SHA-256 of every image's file name and class number in
/// order, "brightness": mean pixel of up to 32 images, null where one is corrupt}.
nlohmann::json identity_of(const ImageSet& images);

/// How two identities differ, as "holds 12 images, was 10"; empty when they do not. Brightness may
/// differ by a rounding error, since processors resize images a little differently.
std::string difference_of_images(const nlohmann::json& now, const nlohmann::json& before);

/// The first setting in which two runs differ, as "table.key is 3, was 4"; empty when they agree.
/// Those at `free` (JSON pointers) may differ.
std::string difference_of_settings(nlohmann::json now, nlohmann::json before,
                                   const std::vector<std::string>& free);

/// Settings of a recipe that no result depends on, as JSON pointers below `table`: how often is
/// logged and measured, how images are read.
std::vector<std::string> free_settings(const std::string& training_table);

/// What arithmetic depends on beside the settings: {"threads", "processor", "device", "libtorch"}.
nlohmann::json this_machine(const std::string& device);

/// What makes a resumed run inexact, as "2 threads (1 before)"; empty when nothing does.
std::string difference_of_machines(const nlohmann::json& now, const nlohmann::json& before);

}  // namespace tessera
