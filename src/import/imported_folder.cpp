#include "import/imported_folder.h"

#include "base/output.h"
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

}  // namespace

void require_new_folder(const fs::path& folder) { NewFolder::check(folder); }

nlohmann::json write_imported_folder(const fs::path& folder, ModelConfig config,
                                     const std::vector<TensorToWrite>& weights,
                                     const std::vector<nlohmann::json>& sources) {
  NewFolder out(folder);
  std::uintmax_t bytes = 0;
  for (const auto& tensor : weights) bytes += *bytes_needed(tensor.type, tensor.shape);
  check_room(folder, bytes);
  config.made_by = made_by(0);
  config.data = in_words(sources);
  config.extra["parameters"] = count_parameters(weights);
  config.extra["source"] = sources;
  write_model_folder(out.path(), config, weights);
  const auto hash = model_hash(out.path());
  out.finish();
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
