#include "study/study_folder.h"

#include <algorithm>
#include <map>

#include "base/error.h"
#include "study/index.h"

namespace tessera {
namespace {

// What a run left, read with errors that name the file.
class Result {
 public:
  explicit Result(const fs::path& path) : Result(path, read_json(path)) {}

  // Of tokenizers that took each other's place, the one of this hash.
  Result of_model(const std::string& model) const {
    for (auto record = json_; record.is_object();
         record = record.value("replaced", nlohmann::json()))
      if (Result found(path_, record); found.at<std::string>("/tokenizer/model") == model)
        return found;
    throw FileError(path_, "holds no tokenizer " + model + ", which a generator learnt from");
  }

  template <typename T>
  T at(const std::string& pointer) const {
    try {
      return json_.at(nlohmann::json::json_pointer(pointer)).template get<T>();
    } catch (const nlohmann::json::exception&) {
      throw FileError(path_, "holds no " + pointer + ", or of another kind");
    }
  }
  // Finite numbers; none where one is not finite, or the result is older than the list.
  std::vector<double> numbers_or_none(const std::string& pointer) const {
    const nlohmann::json::json_pointer place(pointer);
    if (!json_.contains(place)) return {};
    const auto& list = json_.at(place);
    const bool finite =
        std::all_of(list.begin(), list.end(), [](const auto& value) { return !value.is_null(); });
    return finite ? at<std::vector<double>>(pointer) : std::vector<double>{};
  }
  bool is_null(const std::string& pointer) const {
    const nlohmann::json::json_pointer place(pointer);
    return json_.contains(place) && json_.at(place).is_null();
  }

 private:
  Result(fs::path path, nlohmann::json json) : path_(std::move(path)), json_(std::move(json)) {}

  fs::path path_;
  nlohmann::json json_;
};

void add_metrics(StudyRow& row, const Result& result, const std::string& place,
                 std::initializer_list<std::pair<const char*, const char*>> names) {
  for (const auto& [name, key] : names)  // JSON writes a number that is not finite as null
    if (!result.is_null(place + key)) row.metrics[name] = result.at<double>(place + key);
}

StudyRow row_of(const PlannedRun& run, std::size_t point, const Result& tokenizers,
                const Result& generator) {
  const auto here = "/points/" + std::to_string(point);
  const auto tokenizer =
      tokenizers.of_model(generator.at<std::string>(here + "/generator/tokenizer"));
  StudyRow row{.run = run.id,
               .tokenizer_run = run.needs.back(),
               .point = static_cast<int>(point),
               .sweeps = run.sweeps[point],
               .design = run.design,
               .generator = run.generator,
               .seed = run.seed,
               .generator_seed = run.generator_seed,
               .settings = run.settings};
  row.settings["generator_training.steps"] = run.points[point];
  row.tokenizer_parameters = tokenizer.at<std::int64_t>("/tokenizer/parameters");
  row.generator_parameters = generator.at<std::int64_t>(here + "/generator/parameters");
  row.tokens_per_image = tokenizer.at<std::int64_t>("/reconstruction/tokens_per_image");
  row.codebook_size = tokenizer.at<std::int64_t>("/reconstruction/codebook_size");
  row.train_images = generator.at<std::int64_t>(here + "/generator/train_images");
  row.tokenizer_flops = tokenizer.at<double>("/tokenizer/training_flops");
  row.generator_flops = generator.at<double>(here + "/generator/training_flops");
  row.sampling_flops_per_image =
      generator.at<double>(here + "/generator/flops/sampling_per_image_guided");
  add_metrics(row, tokenizer, "/reconstruction/",
              {{"psnr", "psnr"},
               {"ssim", "ssim"},
               {"rfd", "fd"},
               {"code_perplexity", "code_perplexity"},
               {"unigram_entropy", "unigram_entropy"}});
  add_metrics(row, generator, here + "/likelihood/",
              {{"nats_per_token", "nats_per_token"},
               {"predictability", "predictability"},
               {"bits_per_image", "bits_per_image"}});
  add_metrics(row, generator, here + "/generation/",
              {{"fd", "fd"},
               {"fd_reconstructions", "fd_reconstructions"},
               {"precision", "precision"},
               {"recall", "recall"},
               {"cfg", "cfg"}});
  row.fd_halves = generator.numbers_or_none(here + "/generation/fd_halves");
  row.by_position = generator.at<std::vector<double>>(here + "/likelihood/by_position");
  row.samples = "models/" + run.id + "/" + generator.at<std::string>(here + "/samples");
  row.reconstructions = "models/" + row.tokenizer_run + "/reconstructions.png";
  row.tokenizer_seconds = tokenizer.at<double>("/tokenizer/seconds");
  row.generator_seconds = generator.at<double>(here + "/generator/seconds");
  row.commit = generator.at<std::string>("/commit");
  row.threads = generator.at<int>("/threads");
  return row;
}

}  // namespace

bool StudyFolder::holds_models(const PlannedRun& run) const {
  static const std::map<RunKind, std::vector<const char*>> kFiles = {
      {RunKind::features, {"loss/model.safetensors", "metric/model.safetensors"}},
      {RunKind::tokenizer,
       {"tokenizer/model.safetensors", "train.safetensors", "valid.safetensors",
        "held-out.safetensors", "stages/reconstruction.json"}},  // the last that it makes
      {RunKind::generator, {}}};
  const auto& files = kFiles.at(run.kind);
  return std::all_of(files.begin(), files.end(),
                     [&](const char* file) { return fs::exists(models(run.id) / file); });
}

bool StudyFolder::has_failed(const PlannedRun& run) const {
  return fs::exists(failure(run.id)) && !(is_done(run.id) && holds_models(run));
}

bool StudyFolder::is_blocked(const Plan& plan, const PlannedRun& run) const {
  return std::any_of(run.needs.begin(), run.needs.end(), [&](const auto& id) {
    return has_failed(plan.at(id)) || (!is_done(id) && is_blocked(plan, plan.at(id)));
  });
}

std::vector<StudyRow> collect_rows(const StudyFolder& folder, const Plan& plan) {
  std::vector<StudyRow> rows;
  for (const auto& run : plan.runs) {
    if (run.kind != RunKind::generator || !folder.is_done(run.id) ||
        !folder.is_done(run.needs.back()))
      continue;
    const Result tokenizer(folder.result(run.needs.back())), generator(folder.result(run.id));
    for (std::size_t point = 0; point < run.points.size(); ++point)
      rows.push_back(row_of(run, point, tokenizer, generator));
  }
  return rows;
}

void write_rows(const StudyFolder& folder, const Plan& plan) {
  const auto rows = collect_rows(folder, plan);
  auto json = nlohmann::json::array();
  for (const auto& row : rows) json.push_back(to_json(row));
  write_json(folder.root() / "results.json", json);
  write_index(folder.root() / "index.sqlite", rows);
}

}  // namespace tessera
