#pragma once

#include <utility>

#include "study/design_curve.h"
#include "study/row.h"

namespace tessera {

/// The rows of one design, and what was fitted to them.
struct DesignFit {
  std::string design;
  std::vector<StudyRow> rows;        ///< all of the design
  std::vector<LawPoint> points;      ///< those that were fitted, over the generator's FLOPs
  std::optional<DesignCurve> curve;  ///< none where `why_not` says why
  std::string why_not;

  /// Of the points; of one seed, intervals do not hold how seeds differ.
  int seeds() const;
};

/// For each seed of a design, what a user with so much compute would get: by rising compute of the
/// generator, the rows that beat every cheaper one of their seed, whichever generator they are of.
/// So runs of a generator too small or too large for its compute, and those that got worse with
/// more of it, do not count.
std::vector<LawPoint> best_for_compute(const std::vector<StudyRow>& rows,
                                       const std::string& metric);

/// Names of designs and their rows, in the order of first mention.
std::vector<std::pair<std::string, std::vector<StudyRow>>> rows_by_design(
    const std::vector<StudyRow>& rows);

/// Fits what best_for_compute() leaves of `rows`, all of one design. Bootstrap samples of designs
/// of different names are independent, and depend on nothing but these rows and the seed.
DesignFit fit_design(const std::string& design, const std::vector<StudyRow>& rows,
                     const std::string& metric, const BootstrapOptions& options);

/// A fit for each design, in the order of first mention.
std::vector<DesignFit> fit_designs(const std::vector<StudyRow>& rows, const std::string& metric,
                                   const BootstrapOptions& options);

/// Whether values of a metric can be compared: losses of tokens only where an image has as many
/// tokens, of as many codes; distances of samples always.
bool are_comparable(const StudyRow& a, const StudyRow& b, const std::string& metric);

}  // namespace tessera
