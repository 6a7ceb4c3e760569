#include "generator/pipeline.h"

#include <array>
#include <fstream>

#include "base/error.h"
#include "base/output.h"
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
  NewFolder out(options.out);
  std::uintmax_t bytes = 0;
  for (const auto& model : {options.generator, options.tokenizer})
    for (const auto* file : kFiles) {
      std::error_code error;
      const auto size = fs::file_size(fs::path(model) / file, error);
      if (!error) bytes += size;
    }
  check_room(options.out, bytes);
  open_pipeline(options.generator, options.tokenizer, open_device(options));  // they must fit
  nlohmann::json json = {{"format", kPipelineFormat}, {"made_by", made_by(options.seed)}};
  json["generator"] = copy_model(options.generator, out.path() / "generator");
  json["tokenizer"] = copy_model(options.tokenizer, out.path() / "tokenizer");
  write_json(out.path() / kPipelineFile, json);
  out.finish();
  return json;
}

}  // namespace tessera
