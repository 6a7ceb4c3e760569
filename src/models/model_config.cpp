#include "models/model_config.h"

#include "base/error.h"
#include "base/settings.h"
#include "base/user_cache.h"

namespace tessera {
namespace {

nlohmann::json field_of(const nlohmann::json& json, const char* name, const fs::path& path) {
  if (!json.is_object() || !json.contains(name))
    throw FileError(path, std::string("field '") + name + "' is missing");
  return json[name];
}

}  // namespace

void write_model_config(const fs::path& folder, const ModelConfig& config) {
  write_json(folder / "config.json", {{"format", kModelFormat},
                                      {"kind", config.kind},
                                      {"recipe", to_json(config.recipe)},
                                      {"classes", config.class_names},
                                      {"data", config.data},
                                      {"made_by", config.made_by},
                                      {"extra", config.extra}});
}

ModelConfig read_model_config(const fs::path& folder, const std::string& kind) {
  if (!fs::is_directory(folder))
    throw FileError(folder, "is not a model folder (" + kind + " expected)");
  const fs::path path = folder / "config.json";
  const auto json = read_json(path);
  try {
    ModelConfig config;
    const auto format = field_of(json, "format", path).get<std::string>();
    if (format != kModelFormat) throw FileError(path, "format", format, kModelFormat);
    config.kind = field_of(json, "kind", path).get<std::string>();
    if (config.kind != kind) throw FileError(path, "kind", config.kind, kind);
    config.recipe = recipe_from_json(field_of(json, "recipe", path), path.string() + ": recipe");
    config.class_names = field_of(json, "classes", path).get<std::vector<std::string>>();
    config.data = field_of(json, "data", path).get<std::string>();
    config.made_by = field_of(json, "made_by", path);
    config.extra = field_of(json, "extra", path);
    return config;
  } catch (const nlohmann::json::exception&) {
    throw FileError(path, "a field has the wrong type");
  }
}

SafetensorsFile open_model_weights(const fs::path& folder) {
  return SafetensorsFile::open(folder / "model.safetensors");
}

std::string model_hash(const fs::path& folder) {
  return remembered_sha256(folder / "model.safetensors");
}

const nlohmann::json& extra_field(const ModelConfig& config, const char* name,
                                  const fs::path& folder) {
  if (!config.extra.is_object() || !config.extra.contains(name))
    throw FileError(folder / "config.json", std::string("field 'extra.") + name + "' is missing");
  return config.extra[name];
}

}  // namespace tessera
