#include "import/imported_folder.h"

#include "base/error.h"
#include "base/version.h"

namespace tessera {
namespace {

std::string in_words(const std::vector<nlohmann::json>& sources) {
  std::string text = "imported from";
  for (const auto& source : sources)
    text += (&source == &sources.front() ? " " : " and ") + source["file"].get<std::string>() +
            " (SHA-256 " + source["sha256"].get<std::string>() + ")";
  return text;
}

std::int64_t count_parameters(const std::vector<TensorToWrite>& weights) {
  std::int64_t count = 0;
  for (const auto& tensor : weights)
    count +=
        static_cast<std::int64_t>(*bytes_needed(tensor.type, tensor.shape) / size_of(tensor.type));
  return count;
}

// A folder that goes away unless it is kept.
class PartialFolder {
 public:
  explicit PartialFolder(const fs::path& place) : path_(partial_path(place)) {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  ~PartialFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  PartialFolder(const PartialFolder&) = delete;
  PartialFolder& operator=(const PartialFolder&) = delete;

  const fs::path& path() const { return path_; }
  void rename_to(const fs::path& place) {
    std::error_code failed;
    fs::rename(path_, place, failed);  // also over an empty folder
    if (failed) throw FileError(place, "cannot be written: " + failed.message());
  }

 private:
  fs::path path_;
};

}  // namespace

void require_new_folder(const fs::path& folder) {
  std::error_code failed;
  if (!fs::exists(folder, failed)) return;
  if (!fs::is_directory(folder, failed)) throw FileError(folder, "exists and is no folder");
  if (!fs::is_empty(folder, failed))
    throw FileError(folder, "exists and holds files, expected a new folder for --out");
}

nlohmann::json write_imported_folder(const fs::path& folder, ModelConfig config,
                                     const std::vector<TensorToWrite>& weights,
                                     const std::vector<nlohmann::json>& sources) {
  // "runs/vq/" is "runs/vq", beside which the partial folder belongs.
  const auto place = folder.has_filename() ? folder : folder.parent_path();
  config.made_by = made_by(0);
  config.data = in_words(sources);
  config.extra["parameters"] = count_parameters(weights);
  config.extra["source"] = sources;
  PartialFolder partial(place);
  write_model_folder(partial.path(), config, weights);
  const auto hash = model_hash(partial.path());
  require_new_folder(place);
  partial.rename_to(place);
  nlohmann::json result = {{"kind", config.kind},
                           {"model", hash},
                           {"out", folder.string()},
                           {"data", config.data},
                           {"tensors", weights.size()}};
  result.update(config.extra);
  result.update(config.made_by);
  return result;
}

}  // namespace tessera
