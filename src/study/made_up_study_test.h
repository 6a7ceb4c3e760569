// For tests only: a study's folder with rows, fits and findings that nobody measured.
#pragma once

#include <cmath>

#include "base/random.h"
#include "study/row.h"

namespace tessera {

struct MadeUpDesign {
  std::string name, id;
  std::vector<std::string> sweeps;
  double level = 3;   // nats that it does not get below
  double weight = 0;  // of the regularizer
  std::int64_t tokens_per_image = 64, codebook_size = 1024;
};

inline std::vector<MadeUpDesign> made_up_designs() {
  return {{"plain", "plain", {"headline", "weight", "tokens", "codebook"}, 2.9},
          {"CRT 0.1", "crt", {"headline", "weight"}, 2.6, 0.1},
          {"CRT 0.8", "crt-8", {"weight"}, 2.5, 0.8},
          {"plain, 16 tokens", "t16", {"tokens"}, 3.4, 0, 16},
          {"plain, 256 tokens", "t256", {"tokens"}, 2.2, 0, 256},
          {"plain, 256 codes", "c256", {"codebook"}, 2.1, 0, 64, 256},
          {"plain, 4096 codes", "c4096", {"codebook"}, 3.6, 0, 64, 4096}};
}

inline std::map<std::string, double> made_up_metrics(const MadeUpDesign& design, double flops,
                                                     double noise) {
  const auto tokens = static_cast<double>(design.tokens_per_image), w = design.weight;
  const double nats = design.level + noise + std::exp(4.5 - 0.14 * std::log(flops));
  return {{"nats_per_token", nats},
          {"unigram_entropy", design.level + 3},
          {"predictability", design.level + 3 - nats},
          {"bits_per_image", nats * tokens / std::log(2)},
          {"code_perplexity", static_cast<double>(design.codebook_size) * (0.7 - 0.4 * w + noise)},
          {"psnr", 22 - 2 * w + std::log2(tokens) / 3},
          {"ssim", 0.8 - 0.1 * w},
          {"rfd", 4 + 3 * w + 40 / tokens + 5 * noise},
          {"fd", 6 + 4e8 * std::pow(flops, -0.6) - 6 * w * (1 - w) + 40 / tokens + 12 * noise},
          {"precision", 0.6},
          {"recall", 0.4},
          {"cfg", 1.75}};
}

inline StudyRow made_up_row(const MadeUpDesign& design, int size, int point, std::uint64_t seed) {
  Rng rng(mix({seed, static_cast<std::uint64_t>(100 * size + point), design.name.size()}));
  const double noise = 4e-5 * static_cast<double>(rng.below(1000)) - 0.02;
  const double flops = 6e13 * std::pow(3, size) * std::pow(2, point);
  const auto run = design.id + "-" + std::to_string(size) + "-" + std::to_string(seed);
  StudyRow row{.run = "generator-" + run,
               .tokenizer_run = "tokenizer-" + design.id + "-" + std::to_string(seed),
               .point = point,
               .sweeps = design.sweeps,
               .design = design.name,
               .generator = std::to_string(4 + 2 * size) + " x " + std::to_string(128 << size),
               .seed = seed,
               .settings = {{"regularizer.weight", design.weight},
                            {"tokenizer.codebook_size", design.codebook_size},
                            {"generator_training.steps", 100 << point}},
               .tokenizer_parameters = 2'400'000,
               .generator_parameters = std::int64_t{900'000} << (2 * size),
               .tokens_per_image = design.tokens_per_image,
               .codebook_size = design.codebook_size,
               .train_images = 50'000,
               .tokenizer_flops = 4e13,
               .generator_flops = flops,
               .sampling_flops_per_image = 2e8 * std::pow(4, size),
               .metrics = made_up_metrics(design, flops, noise),
               .samples = "models/" + run + "/samples-" + std::to_string(point) + ".png",
               .reconstructions = "models/" + run + "/reconstructions.png",
               .tokenizer_seconds = 300,
               .generator_seconds = 200.0 * (1 + point)};
  for (int i = 0; i < design.tokens_per_image; ++i)
    row.by_position.push_back(row.metric("nats_per_token") * (0.95 + 0.5 / (1 + 0.3 * i)));
  return row;
}

/// Every design with three sizes, three points and three seeds, but two sizes off the headline.
inline std::vector<StudyRow> made_up_rows() {
  std::vector<StudyRow> rows;
  for (const auto& design : made_up_designs())
    for (int size = 0; size < (design.sweeps.front() == "headline" ? 3 : 2); ++size)
      for (int point = 0; point < 3; ++point)
        for (std::uint64_t seed = 1; seed <= 3; ++seed)
          rows.push_back(made_up_row(design, size, point, seed));
  return rows;
}

inline nlohmann::json made_up_interval(double value) {
  return {{"value", value}, {"low", 0.9 * value}, {"high", 1.15 * value}};
}

inline nlohmann::json made_up_fit(const MadeUpDesign& design) {
  nlohmann::json curve = nlohmann::json::array();
  for (int i = 0; i < 30; ++i) {
    const double flops = 6e13 * std::pow(36, i / 29.0);
    const double value = design.level + std::exp(4.5 - 0.14 * std::log(flops));
    curve.push_back({{"flops", 4e13 + flops},
                     {"generator_flops", flops},
                     {"value", value},
                     {"low", 0.99 * value},
                     {"high", 1.012 * value}});
  }
  return {{"design", design.name},
          {"metric", "nats_per_token"},
          {"rows", 27},
          {"l_min", made_up_interval(design.level)},
          {"alpha", made_up_interval(-0.14)},
          {"lambda", made_up_interval(4.5)},
          {"scatter", 0.01},
          {"curve", curve}};
}

inline nlohmann::json made_up_fits() {
  nlohmann::json fits = nlohmann::json::array(), iso = nlohmann::json::array();
  for (const auto& design : made_up_designs()) {
    fits.push_back(made_up_fit(design));
    for (const double flops : {1e14, 5e14}) {
      nlohmann::json curve = nlohmann::json::array();
      for (const int size : {0, 1, 2})
        curve.push_back(
            {{"generator", std::to_string(4 + 2 * size) + " x " + std::to_string(128 << size)},
             {"parameters", 900'000 << (2 * size)},
             {"value", design.level + 1 - 0.2 * std::log10(flops / 1e14) +
                           0.05 * std::pow(size - std::log10(flops / 1e14) - 0.4, 2)}});
      iso.push_back({{"design", design.name},
                     {"metric", "nats_per_token"},
                     {"generator_flops", flops},
                     {"curve", curve},
                     {"best", "6 x 256"}});
    }
  }
  return {{"about", {{"program", "tessera"}, {"commit", "none"}, {"samples", 1000}, {"seed", 0}}},
          {"fits", fits},
          {"not_fitted",
           {{{"design", "plain"}, {"metric", "fd"}, {"why", "there are 3 levels of compute"}}}},
          {"iso_flops", iso},
          {"pareto",
           {{{"metric", "fd"},
             {"front",
              {{{"flops", 1e14},
                {"value", 8.1},
                {"run", "generator-crt-0-1"},
                {"point", 0},
                {"design", "CRT 0.1"},
                {"generator", "4 x 128"}},
               {{"flops", 4e14},
                {"value", 6.6},
                {"run", "generator-crt-1-1"},
                {"point", 1},
                {"design", "CRT 0.1"},
                {"generator", "6 x 256"}}}}}}},
          {"ratios",
           {{{"metric", "fd"},
             {"design", "CRT 0.1"},
             {"reference", "plain"},
             {"generators", {"4 x 128", "6 x 256", "8 x 512"}},
             {"at", "middle"},
             {"quality", 7.5},
             {"ratio", made_up_interval(1.2)},
             {"generator_ratio", made_up_interval(1.9)}}}},
          {"crossovers",
           {{{"metric", "nats_per_token"},
             {"design", "plain, 4096 codes"},
             {"reference", "plain"},
             {"generators", {"4 x 128", "6 x 256"}},
             {"decided", false},
             {"flops", {{"value", 3e14}, {"low", 0}, {"high", nullptr}}}}}}};
}

inline nlohmann::json made_up_findings() {
  return {{{"name", "better pictures"},
           {"sweep", "headline"},
           {"statement", "CRT reconstructs slightly worse and generates better at equal compute."},
           {"rule", "generation FD, CRT minus plain, paired by seed: the 95% interval is below 0"},
           {"verdict", "reproduced"},
           {"why", "In all nine pairs CRT has the lower generation FD."},
           {"numbers",
            {{{"label", "generation FD, CRT minus plain"},
              {"value", -0.84},
              {"low", -1.02},
              {"high", -0.63},
              {"pairs", 9}},
             {{"label", "compute at equal FD"},
              {"value", 1.9},
              {"low", 1.5},
              {"high", 2.4},
              {"pairs", 9}}}}},
          {{"name", "tokens"},
           {"sweep", ""},
           {"statement", "Small generators prefer fewer tokens."},
           {"rule", "the best number of tokens grows with the generator's size"},
           {"verdict", "not decidable at this scale"},
           {"why", "The intervals of 64 and of 256 tokens overlap at every size."},
           {"numbers",
            {{{"label", "FD, 16 minus 64 tokens"},
              {"value", 0.2},
              {"low", nullptr},
              {"high", nullptr},
              {"pairs", 3}}}}},
          {{"name", "codebook"},
           {"statement", "Large codebooks need more compute."},
           {"rule", "a cross-over within the range of both fits"},
           {"verdict", "not reproduced"},
           {"why", "The curves do not cross."},
           {"numbers", nlohmann::json::array()}}};
}

inline void write_rows(const fs::path& study, const std::vector<StudyRow>& rows) {
  auto json = nlohmann::json::array();
  for (const auto& row : rows) json.push_back(to_json(row));
  write_json(study / "results.json", json);
}

inline void write_made_up_study(const fs::path& study) {
  const auto rows = made_up_rows();
  write_rows(study, rows);
  write_json(study / "fits.json", made_up_fits());
  write_json(study / "findings.json", made_up_findings());
  write_json(study / "results" / (rows[0].run + ".json"),
             {{"config", {{"generator", {{"layers", 4}, {"dim", 128}}}}}, {"seed", 1}});
}

}  // namespace tessera
