#include "study/report.h"

#include <gmock/gmock.h>

#include "base/testing.h"
#include "study/made_up_study_test.h"
#include "study/report_charts.h"
#include "study/report_metrics.h"
#include "study/report_paths.h"
#include "study/report_view.h"

namespace tessera {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr PageLibrary kLibrary = {"var Plotly;", "Anyone may <use> it."};

std::string written_report(const fs::path& study) {
  write_study_report(study, kLibrary);
  return read_file(study / "report.html");
}

// What the page says between two of its headings.
std::string section(const std::string& page, const std::string& from, const std::string& to) {
  const auto begin = page.find("<h2 id='" + from);
  return page.substr(begin, page.find("<h2 id='" + to) - begin);
}

TEST(StudyReport, HoldsFindingsMeansAndEveryRun) {
  TemporaryFolder folder;
  write_made_up_study(folder / "study");
  const auto page = written_report(folder / "study");
  const auto findings = section(page, "findings", "plots");
  EXPECT_THAT(findings, HasSubstr("<p class='verdict'>not decidable at this scale</p>"));
  EXPECT_THAT(findings, HasSubstr("<td>1.9</td><td>1.5 to 2.4</td><td>9</td>"));
  EXPECT_THAT(findings, HasSubstr("Rule: a cross-over within the range of both fits"));
  for (std::size_t run = 1; run <= made_up_rows().size(); ++run)
    EXPECT_THAT(page, HasSubstr("<tbody id='run-" + std::to_string(run) + "'"));
  EXPECT_THAT(section(page, "fits", "runs"),
              HasSubstr("<td>middle</td><td>7.5</td><td>1.90</td><td>1.71 to 2.18</td>"
                        "<td>1.20</td><td>1.08 to 1.38</td>"));
  EXPECT_THAT(section(page, "fits", "runs"),
              HasSubstr("<td>not decided</td><td>300 TFLOP</td><td>no bound</td>"));
  EXPECT_THAT(section(page, "fits", "runs"), HasSubstr("there are 3 levels of compute"));
  EXPECT_THAT(section(page, "made", "end"), HasSubstr("&quot;layers&quot;: 4"));
  EXPECT_THAT(section(page, "made", "end"), HasSubstr("Anyone may &lt;use&gt; it."));
}

TEST(StudyReport, SaysWhatVerdictsAreWorthAndLinksTheirSweep) {
  TemporaryFolder folder;
  write_made_up_study(folder / "study");
  const auto findings = section(written_report(folder / "study"), "findings", "plots");
  EXPECT_THAT(findings, HasSubstr("3 verdicts, each at 95% without correction"));
  EXPECT_THAT(findings, HasSubstr("5% of them, 0.15 on average"));
  EXPECT_THAT(findings, HasSubstr("<a href='#headline' data-show='0'>The runs behind it</a>"));
  // The finding "tokens" names no sweep.
  EXPECT_THAT(findings, Not(HasSubstr("<a href='#headline' data-show='2'")));
}

TEST(ReportCharts, AreOverTheGeneratorsComputeAndTellTheTokenizers) {
  ReportInput input{.sweeps = {"headline"}, .rows = made_up_rows()};
  const auto chart = [&] { return report_charts(input, report_views(input)[0])[0]; };
  EXPECT_EQ(chart().x.label, "training FLOPs of the generator");
  EXPECT_EQ(x_values(chart())[0], input.rows[0].generator_flops);
  EXPECT_THAT(chart().caption, HasSubstr("on top, 40 TFLOP for each design."));
  for (auto& row : input.rows)
    if (row.design == "plain") row.tokenizer_flops = 5e13;
  EXPECT_THAT(chart().caption, HasSubstr("from 40 TFLOP (CRT 0.1) to 50 TFLOP (plain)"));
}

TEST(StudyReport, WritesAFigureForEveryPlot) {
  TemporaryFolder folder;
  write_made_up_study(folder / "study");
  written_report(folder / "study");
  for (const char* name :
       {"nats-per-token-over-compute", "fd-over-compute", "predictability-over-compute",
        "bits-per-image-over-compute", "fd-against-rfd", "fd-against-bits-per-image",
        "nats-by-position", "codebook-use", "iso-flops-nats-per-token"})
    for (const char* view : {"1-headline", "2-weight", "3-tokens", "4-codebook", "all"})
      EXPECT_THAT(read_file(folder / ("study/figures/" + std::string(view) + "-" + name + ".svg")),
                  HasSubstr("</svg>"));
  EXPECT_THAT(read_file(folder / "study/figures/1-headline-fd-front.svg"), HasSubstr("</svg>"));
  EXPECT_FALSE(fs::exists(folder / "study/figures/3-tokens-fd-front.svg"));  // no part in the front
}

TEST(StudyReport, SaysWhatMakesTheFilesThatAreMissing) {
  TemporaryFolder folder;
  write_rows(folder / "study", made_up_rows());
  const auto page = written_report(folder / "study");
  EXPECT_THAT(section(page, "findings", "plots"), HasSubstr("<code>tessera study fit</code>"));
  EXPECT_THAT(section(page, "fits", "runs"), HasSubstr("<code>tessera study fit</code>"));
}

TEST(StudyReport, HasAPageForAStudyThatHasOnlyBegun) {
  TemporaryFolder folder;
  write_rows(folder / "study", {});
  EXPECT_THAT(written_report(folder / "study"), HasSubstr("0 designs"));
}

TEST(StudyReport, WithoutThePlottingLibraryItsChartsAreSvg) {
  TemporaryFolder folder;
  write_made_up_study(folder / "study");
  write_study_report(folder / "study", {});
  const auto page = read_file(folder / "study/report.html");
  const auto plots = section(page, "plots", "pictures");
  std::size_t charts = 0;
  for (auto at = plots.find("<div class='drawing'><svg "); at != std::string::npos;
       at = plots.find("<div class='drawing'><svg ", at + 1))
    ++charts;
  EXPECT_GE(charts, 10u);
  EXPECT_THAT(page, Not(HasSubstr("class='plot'")));
  EXPECT_THAT(page, Not(HasSubstr("licence of the plotting library")));
  EXPECT_THAT(plots, Not(HasSubstr("JavaScript")));
}

TEST(StudyReport, RefusesMalformedFilesByName) {
  TemporaryFolder folder;
  EXPECT_THAT(error_of([&] { write_study_report(folder / "study", kLibrary); }),
              HasSubstr("results.json"));
  write_rows(folder / "study", made_up_rows());
  write_json(folder / "study/fits.json", {{"fits", {{{"design", 3}}}}});
  EXPECT_THAT(error_of([&] { write_study_report(folder / "study", kLibrary); }),
              HasSubstr("fits.json: is not what docs/formats/study.md says"));
  fs::remove(folder / "study/fits.json");
  write_json(folder / "study/findings.json", {"text"});
  EXPECT_THAT(error_of([&] { write_study_report(folder / "study", kLibrary); }),
              HasSubstr("findings.json: is not what"));
}

TEST(StudyReport, TakesPicturesFromTheStudysFolderAlone) {
  TemporaryFolder folder;
  const std::string secret = "\x89PNG\r\n\x1a\nsecret", encoded = "iVBORw0KGgpzZWNyZXQ=";
  write_file(folder / "secret.png", secret);
  auto row = made_up_rows().front();
  write_file(folder / "study/inside.png", secret);
  write_file(folder / "study/text.png", "text");
  const auto page_with = [&](const std::string& picture) {
    row.samples = picture;
    write_rows(folder / "study", {row});
    return written_report(folder / "study");
  };
  EXPECT_THAT(page_with("inside.png"), HasSubstr(encoded));
  EXPECT_THAT(page_with("text.png"), HasSubstr("text.png is not a PNG file."));
  fs::create_symlink(folder / "secret.png", folder / "study/link.png");
  for (const auto& outside :
       {std::string("../secret.png"), (folder / "secret.png").string(), std::string("link.png")}) {
    const auto page = page_with(outside);
    EXPECT_THAT(page, Not(HasSubstr(encoded)));
    EXPECT_THAT(page, HasSubstr("is not inside the study&#39;s folder."));
  }
}

TEST(StudyReport, FailedRunsAreNamed) {
  TemporaryFolder folder;
  write_rows(folder / "study", made_up_rows());
  write_json(folder / "study/failed/generator-9.json", {{"error", "out of <memory>"}});
  EXPECT_THAT(written_report(folder / "study"),
              HasSubstr("<li>generator-9: out of &lt;memory&gt;</li>"));
}

TEST(ReportViews, ASweepHasItsRowsAndSeedsFormGroups) {
  ReportInput input{.sweeps = {"headline", "weight"}, .rows = made_up_rows()};
  const auto views = report_views(input);
  ASSERT_EQ(views.size(), 3u);
  EXPECT_EQ(views[0].groups.size(), 2u * 3 * 3);
  EXPECT_EQ(views[1].groups.size(), 2u * 3 * 3 + 2 * 3);
  EXPECT_EQ(views[2].groups.size() * 3, input.rows.size());
  EXPECT_THAT(views[0].groups[0].rows, ElementsAre(0, 1, 2));
  EXPECT_EQ(last_points(input.rows, views[0].groups).size(), 2u * 3);
  const auto largest = largest_generators(input.rows, views[0].groups);
  ASSERT_EQ(largest.size(), 2u);
  EXPECT_EQ(input.rows[largest[0].rows[0]].generator, "8 x 512");
  EXPECT_EQ(input.rows[largest[0].rows[0]].point, 2);
}

TEST(ReportViews, ASeedWithMorePointsIsGroupedByItsSteps) {
  std::vector<StudyRow> rows;
  const auto add = [&](std::uint64_t seed, int point, int steps) {
    rows.push_back({.point = point,
                    .design = "plain",
                    .generator = "S",
                    .seed = seed,
                    .settings = {{"generator_training.steps", steps}}});
  };
  add(1, 0, 75), add(1, 1, 150), add(2, 0, 150);
  const auto groups = report_views({.rows = rows})[0].groups;
  ASSERT_EQ(groups.size(), 2u);
  EXPECT_THAT(groups[0].rows, ElementsAre(0));
  EXPECT_THAT(groups[1].rows, ElementsAre(1, 2));
  EXPECT_EQ(last_points(rows, groups), std::vector{groups[1]});
}

TEST(ReportViews, SpreadOverSeedsIsTheSampleDeviation) {
  std::vector<StudyRow> rows(3);
  for (int i = 0; i < 3; ++i) rows[static_cast<std::size_t>(i)].metrics["fd"] = 1 + 2 * i;
  const auto spread = seed_spread(rows, {{0, 1, 2}}, "fd");
  EXPECT_DOUBLE_EQ(spread.mean, 3);
  EXPECT_DOUBLE_EQ(spread.deviation, 2);
  EXPECT_EQ(spread.seeds, 3);
  EXPECT_TRUE(std::isnan(seed_spread(rows, {{0}}, "fd").deviation));
  EXPECT_EQ(seed_spread(rows, {{0}}, "psnr").seeds, 0);
}

TEST(ReportCharts, AFrontIsShownWhereADesignHasAPartInIt) {
  ReportInput input{.sweeps = {"headline", "weight", "tokens"}, .rows = made_up_rows()};
  input.fits = ReportFits{.pareto = {{"fd",
                                      {{2e14, 6, "generator-crt-8-1-1", 1, "CRT 0.8"},
                                       {1e14, 8, "generator-crt-8-0-1", 0, "CRT 0.8"}}},
                                     {"fd", {{1e14, 7, "generator-plain-0-1", 0, "plain"}}}}};
  const auto fronts = [&](std::size_t view) {
    std::vector<ChartSeries> stairs;
    for (const auto& chart : report_charts(input, report_views(input)[view]))
      for (const auto& series : chart.series)
        if (series.mark == Mark::steps) {
          EXPECT_EQ(chart.name, "fd-front");
          stairs.push_back(series);
        }
    return stairs;
  };
  EXPECT_EQ(fronts(0).size(), 1u);
  ASSERT_EQ(fronts(1).size(), 2u);
  const std::vector<ChartPoint> front = fronts(1)[0].points;
  EXPECT_LT(front[0].x, front[1].x);
  const auto& row = input.rows[std::stoul(front[1].id.substr(4)) - 1];
  EXPECT_EQ(row.run, "generator-crt-8-1-1");
  EXPECT_EQ(row.point, 1);
}

TEST(ReportNumbers, AreShortAndCarryTheirUnit) {
  EXPECT_EQ(flops_text(3.2e14), "320 TFLOP");
  EXPECT_EQ(flops_text(9.996e14), "1 PFLOP");
  EXPECT_EQ(count_text(2'400'000), "2.4 million");
  EXPECT_EQ(number_text(NAN), "–");
  EXPECT_EQ(number_text(0.25, "%.3f"), "0.250");
}

}  // namespace
}  // namespace tessera
