#include "generator/pipeline.h"

#include <array>
#include <fstream>

#include "base/error.h"
#include "base/version.h"
#include "training/device.h"

namespace tessera {
namespace {

constexpr const char* kFormat = "tessera.pipeline/1";
constexpr const char* kPipelineFile = "pipeline.json";
constexpr std::array<const char*, 2> kFiles = {"config.json", "model.safetensors"};
constexpr std::size_t kHashShown = 12;  // digits of a SHA-256 that an error shows

void copy_whole(const fs::path& from, const fs::path& to) {
  std::ifstream in(from, std::ios::binary);
  if (!in) throw FileError(from, "cannot be read");
  write_file(to, [&](std::ostream& out) { out << in.rdbuf(); });
}

// Copies a model and returns {"config.json": hash, "model.safetensors": hash}.
nlohmann::json copy_model(const fs::path& from, const fs::path& to) {
  auto hashes = nlohmann::json::object();
  for (const auto* file : kFiles) {
    copy_whole(from / file, to / file);
    hashes[file] = sha256_file(to / file);
  }
  return hashes;
}

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
  if (format != kFormat) throw FileError(path, "format", format.dump(), kFormat);
  return json;
}

}  // namespace

Pipeline open_pipeline(const fs::path& generator, const fs::path& tokenizer,
                       const torch::Device& device) {
  Pipeline pipeline{Generator::load(generator, device), Tokenizer::load(tokenizer, device)};
  pipeline.generator.require_tokenizer(pipeline.tokenizer.hash(), tokenizer / kFiles[1]);
  return pipeline;
}

Pipeline open_pipeline(const fs::path& folder, const torch::Device& device) {
  const auto path = folder / kPipelineFile;
  if (!fs::exists(path)) throw FileError(folder, "is not a pipeline (pipeline.json expected)");
  const auto json = read_pipeline_json(path);
  const auto generator = folder / "generator", tokenizer = folder / "tokenizer";
  for (const auto& model : {generator, tokenizer})
    require_hash(model / kFiles[0], sha256_file(model / kFiles[0]), json, path);
  auto pipeline = open_pipeline(generator, tokenizer, device);
  require_hash(generator / kFiles[1], pipeline.generator.hash(), json, path);
  require_hash(tokenizer / kFiles[1], pipeline.tokenizer.hash(), json, path);
  return pipeline;
}

nlohmann::json export_pipeline(const ExportPipelineOptions& options) {
  fs::path out = options.out;
  if (!out.has_filename()) out = out.parent_path();  // "folder/"
  if (fs::exists(out) && !(fs::is_directory(out) && fs::is_empty(out)))
    throw FileError(out, "exists already and is not an empty folder");
  open_pipeline(options.generator, options.tokenizer, open_device(options));  // they must fit
  const fs::path partial = out.string() + ".partial";
  fs::remove_all(partial);
  nlohmann::json json = {{"format", kFormat}, {"made_by", made_by(options.seed)}};
  try {
    json["generator"] = copy_model(options.generator, partial / "generator");
    json["tokenizer"] = copy_model(options.tokenizer, partial / "tokenizer");
    write_json(partial / kPipelineFile, json);
    fs::remove(out);
    fs::rename(partial, out);
  } catch (const std::exception& error) {
    std::error_code ignored;
    fs::remove_all(partial, ignored);
    throw FileError(out, std::string("cannot be written: ") + error.what());
  }
  return json;
}

}  // namespace tessera
