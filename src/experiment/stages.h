#pragma once

#include <functional>
#include <nlohmann/json.hpp>

#include "base/files.h"

namespace tessera {

/// Results of finished stages, one JSON file each: a stage that is done is not done again.
class Stages {
 public:
  explicit Stages(fs::path folder) : folder_(std::move(folder)) {}

  nlohmann::json run(const std::string& name, const std::function<nlohmann::json()>& stage) const {
    const auto path = folder_ / (name + ".json");
    if (fs::exists(path)) return read_json(path);
    const auto result = stage();
    write_json(path, result);
    return result;
  }

 private:
  fs::path folder_;
};

}  // namespace tessera
