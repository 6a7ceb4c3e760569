#include "models/pipeline_folder.h"

#include "base/error.h"
#include "base/user_cache.h"

namespace tessera {
namespace {

constexpr std::size_t kHashShown = 12;  // digits of a SHA-256 that an error shows

void require_hash(const fs::path& path, const std::string& found, const nlohmann::json& pipeline,
                  const fs::path& pipeline_path) {
  const nlohmann::json::json_pointer place("/" + path.parent_path().filename().string() + "/" +
                                           path.filename().string());
  if (!pipeline.contains(place) || !pipeline[place].is_string())
    throw FileError(pipeline_path, "field '" + place.to_string().substr(1) + "' is missing");
  if (const auto expected = pipeline[place].get<std::string>(); found != expected)
    throw FileError(path, "SHA-256", found.substr(0, kHashShown),
                    expected.substr(0, kHashShown) + " as in " + kPipelineFile);
}

nlohmann::json read_pipeline_json(const fs::path& path) {
  const auto json = read_json(path);
  const auto format = json.is_object() ? json.value("format", nlohmann::json()) : nlohmann::json();
  if (format != kPipelineFormat) throw FileError(path, "format", format.dump(), kPipelineFormat);
  return json;
}

}  // namespace

ModelFolders open_pipeline_folder(const fs::path& folder) {
  const auto path = folder / kPipelineFile;
  if (!fs::exists(path)) throw FileError(folder, "is not a pipeline (pipeline.json expected)");
  const auto json = read_pipeline_json(path);
  const ModelFolders folders{folder / "generator", folder / "tokenizer"};
  for (const auto& model : {folders.generator, folders.tokenizer})
    for (const char* file : {"config.json", "model.safetensors"})
      require_hash(model / file, remembered_sha256(model / file), json, path);
  return folders;
}

}  // namespace tessera
