// For tests only: rows of designs whose laws are known.
#pragma once

#include <cmath>

#include "study/normal.h"
#include "study/row.h"
#include "study/scaling_law.h"

namespace tessera {

struct SyntheticDesign {
  std::string name;
  ScalingLaw fd, nats;  ///< of the generator's compute
  std::int64_t codebook_size = 512, tokens_per_image = 64;
  double tokenizer_flops = 4e13;
  std::vector<std::string> sweeps = {"headline"};
  double by_seed = 0.01, by_point = 0.005;  ///< standard deviations of ln L
  std::uint64_t noise = 0;                  ///< another is another study
};

/// That leaves `above` over l_min after 1e13 FLOPs.
inline ScalingLaw synthetic_law(double l_min, double alpha, double above) {
  return {l_min, alpha, std::log(above) - alpha * std::log(1e13)};
}

/// Three seeds of three generators at four points each; each size is the best at its own compute
/// and 10% worse than the law beside it.
inline std::vector<StudyRow> synthetic_rows(const SyntheticDesign& design) {
  std::vector<StudyRow> rows;
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    Rng rng(mix({seed, design.noise, design.name.size()}));
    const double shift = design.by_seed * normal(rng);
    for (int size = 0; size < 3; ++size)
      for (int point = 0; point < 4; ++point) {
        const double flops = 4e12 * std::pow(4, size) * std::pow(2, point);
        const double off = std::log2(flops / (8e12 * std::pow(4, size)));  // 0 and 1 are its own
        const double worse = 0.1 * std::max({0.0, size > 0 ? -off : 0, size < 2 ? off - 1 : 0});
        const double factor = std::exp(shift + design.by_point * normal(rng)) + worse;
        const auto run = design.name + "-" + std::to_string(size) + "-" + std::to_string(seed);
        StudyRow row{.run = run, .point = point};
        row.tokenizer_run = design.name + "-" + std::to_string(seed);
        row.sweeps = design.sweeps, row.design = design.name, row.seed = seed;
        row.generator = std::string(1, "SML"[size]);
        row.settings = {{"design", design.name}};
        row.generator_parameters = std::int64_t{1'000'000} << (2 * size);
        row.tokens_per_image = design.tokens_per_image, row.codebook_size = design.codebook_size;
        row.tokenizer_flops = design.tokenizer_flops, row.generator_flops = flops;
        row.sampling_flops_per_image = 1e8 * std::pow(4, size);
        row.metrics = {{"fd", design.fd.at(flops) * factor},
                       {"nats_per_token", design.nats.at(flops) * factor}};
        row.metrics["bits_per_image"] = row.metrics["nats_per_token"] *
                                        static_cast<double>(design.tokens_per_image) / std::log(2);
        rows.push_back(row);
      }
  }
  return rows;
}

/// CRT reaches everything with half the generator compute that plain takes; `sixteen` begins
/// better than plain and ends worse, with another number of tokens.
inline std::vector<StudyRow> synthetic_study() {
  std::vector<StudyRow> rows;
  for (const SyntheticDesign& design :
       {SyntheticDesign{"plain", synthetic_law(0.1, -0.6, 0.5), synthetic_law(1.5, -0.4, 1)},
        SyntheticDesign{"crt", synthetic_law(0.1, -0.6, 0.5 * std::pow(2, -0.6)),
                        synthetic_law(1.5, -0.4, std::pow(2, -0.4))},
        SyntheticDesign{"sixteen", synthetic_law(0.25, -0.6, 0.2), synthetic_law(2.5, -0.4, 1), 512,
                        16}})
    for (auto& row : synthetic_rows(design)) rows.push_back(row);
  return rows;
}

}  // namespace tessera
