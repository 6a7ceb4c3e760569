#include "generator/pipeline.h"

#include <array>
#include <fstream>

#include "base/error.h"
#include "base/version.h"
#include "models/pipeline_folder.h"
#include "training/device.h"

namespace tessera {
namespace {

constexpr std::array<const char*, 2> kFiles = {"config.json", "model.safetensors"};

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

}  // namespace

Pipeline open_pipeline(const fs::path& generator, const fs::path& tokenizer,
                       const torch::Device& device) {
  Pipeline pipeline{Generator::load(generator, device), Tokenizer::load(tokenizer, device)};
  pipeline.generator.require_tokenizer(pipeline.tokenizer.hash(), tokenizer / kFiles[1]);
  return pipeline;
}

Pipeline open_pipeline(const fs::path& folder, const torch::Device& device) {
  const auto folders = open_pipeline_folder(folder);
  return open_pipeline(folders.generator, folders.tokenizer, device);
}

nlohmann::json export_pipeline(const ExportPipelineOptions& options) {
  fs::path out = options.out;
  if (!out.has_filename()) out = out.parent_path();  // "folder/"
  if (fs::exists(out) && !(fs::is_directory(out) && fs::is_empty(out)))
    throw FileError(out, "exists already and is not an empty folder");
  open_pipeline(options.generator, options.tokenizer, open_device(options));  // they must fit
  const auto partial = partial_path(out);
  nlohmann::json json = {{"format", kPipelineFormat}, {"made_by", made_by(options.seed)}};
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
