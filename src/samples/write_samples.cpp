#include "samples/write_samples.h"

#include <algorithm>

#include "base/interrupt.h"
#include "base/settings.h"
#include "base/version.h"
#include "tokens/token_file.h"

namespace tessera {
namespace {

void write_folders(const std::vector<Image>& images, const SamplePlan& plan,
                   const std::vector<std::string>& class_names, ImageFolderWriter& writer) {
  writer.name_classes(class_names);
  for (std::size_t i = 0; i < images.size(); ++i) {
    stop_if_interrupted();
    writer.add(images[i], class_names[static_cast<std::size_t>(plan.labels[i])]);
  }
  writer.finish();
}

void write_token_file(const Samples& samples, const SamplePlan& plan, const SampleSource& source,
                      const fs::path& out) {
  write_tokens(out, {.header = {.grid_rows = source.shape.grid_rows,
                                .grid_columns = source.shape.grid_columns,
                                .codebook_size = source.shape.vocabulary,
                                .tokenizer_hash = source.tokenizer_hash,
                                .class_names = source.generator.class_names,
                                .made_by = made_by(plan.seed),
                                .data = "sampled from generator " + source.generator_hash},
                     .crops = 1,
                     .codes = samples.codes,
                     .labels = {plan.labels.begin(), plan.labels.end()}});
}

// Every row begins with what was given, if anything was.
void write_grid(const std::vector<Image>& images, const SampleOptions& options,
                const Beginning& beginning) {
  const auto columns = static_cast<std::size_t>(
      std::min(options.total > 0 ? options.total : options.count, kWidestGrid));
  std::vector<Image> shown;
  for (std::size_t i = 0; i < images.size(); ++i) {
    if (beginning.picture && i % columns == 0) shown.push_back(*beginning.picture);
    shown.push_back(images[i]);
  }
  write_png(options.out,
            image_grid(shown, static_cast<int>(columns) + (beginning.picture ? 1 : 0)));
}

}  // namespace

bool wants_images(const SampleOptions& options) {
  return !options.out.empty() || !options.out_dir.empty();
}

SampleOutputs::SampleOutputs(const SampleOptions& options) {
  check_output_files({options.out, options.tokens_out, options.json});
  if (!options.out_dir.empty()) folder.emplace(options.out_dir);
}

nlohmann::json write_samples(const SampleOptions& options, SampleOutputs& outputs,
                             const SamplePlan& plan, const SampleSource& source,
                             const Samples& samples, const Beginning& beginning) {
  if (!options.tokens_out.empty()) write_token_file(samples, plan, source, options.tokens_out);
  if (!options.out.empty()) write_grid(samples.images, options, beginning);
  if (outputs.folder)
    write_folders(samples.images, plan, source.generator.class_names, *outputs.folder);
  nlohmann::json json = {{"images", plan.labels.size()},       {"sampling", to_json(plan.sampling)},
                         {"seconds", samples.seconds},         {"generator", source.generator_hash},
                         {"tokenizer", source.tokenizer_hash}, {"data", source.generator.data}};
  if (options.total == 0) json["per_class"] = options.count;
  json.update(made_by(options.seed));
  return json;
}

}  // namespace tessera
