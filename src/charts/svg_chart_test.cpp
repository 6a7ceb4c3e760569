#include "charts/svg_chart.h"

#include <gmock/gmock.h>

#include <cmath>

namespace tessera {
namespace {

using testing::HasSubstr;
using testing::Not;

int count(const std::string& text, const std::string& part) {
  int found = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

TEST(SvgChart, DrawsLinesPointsAndTheirBars) {
  const Chart chart{.title = "loss",
                    .x = {"compute", true},
                    .y = {"nats"},
                    .series = {{.name = "a", .colour = 0, .points = {{1, 1}, {10, 2}, {100, 3}}},
                               {.name = "a",
                                .mark = Mark::points,
                                .colour = 0,
                                .points = {{10, 2, 1.5, 2.5}, {100, 3}}}}};
  const auto svg = svg_chart(chart);
  EXPECT_THAT(svg, testing::StartsWith("<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 640"));
  EXPECT_THAT(svg, testing::EndsWith("</svg>"));
  // The middle of a logarithmic axis: 64 + (640 - 64 - 14) / 2.
  EXPECT_THAT(svg, HasSubstr("L345.0 "));
  EXPECT_EQ(count(svg, "stroke='#3b82c4'/>"), 3);  // one error bar with its ends
  EXPECT_EQ(count(svg, ">a</text>"), 1);           // the legend
  for (const char* words : {">loss<", ">compute<", ">nats<"}) EXPECT_THAT(svg, HasSubstr(words));
}

TEST(SvgChart, LeavesOutWhatAnAxisCannotShow) {
  Chart chart{.x = {.log = true}, .series = {{.points = {{1, 1}, {10, 2}}}}};
  const auto without = svg_chart(chart);
  chart.series[0].points.insert(chart.series[0].points.begin() + 1, {{0, 5}, {-1, 5}, {5, NAN}});
  EXPECT_EQ(svg_chart(chart), without);
}

TEST(SvgChart, BandsAndStepsAreClosedAndSquare) {
  const ChartPoint left{.x = 0, .y = 1, .low = 0, .high = 2},
      right{.x = 1, .y = 2, .low = 1, .high = 3};
  const auto band = svg_chart({.series = {{.mark = Mark::band, .points = {left, right}}}});
  EXPECT_THAT(band, testing::ContainsRegex("fill-opacity='.14' d='M[^LZ]*L[^LZ]*L[^LZ]*L[^LZ]*Z'"));
  const auto steps = svg_chart({.series = {{.mark = Mark::steps, .points = {{0, 1}, {1, 2}}}}});
  EXPECT_THAT(steps, testing::ContainsRegex("d='M[^H]*H[^L]*L[^L]*'"));
}

TEST(SvgChart, NamesAreText) {
  const std::string hostile = "<script>\"'&";
  const auto svg = svg_chart({.title = hostile,
                              .x = {.label = hostile},
                              .y = {.label = hostile},
                              .series = {{.name = hostile, .points = {{0, 0}}}}});
  EXPECT_THAT(svg, Not(HasSubstr("<script")));
  EXPECT_EQ(count(svg, "&lt;script&gt;&quot;&#39;&amp;"), 4);
}

TEST(SvgChart, AnEmptyChartHasItsAxes) {
  const auto svg = svg_chart({.title = "nothing"});
  EXPECT_THAT(svg, HasSubstr(">0.4</text>"));
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
}

TEST(LegendEntries, AreEachNameOnceWithItsPoints) {
  const Chart chart{.series = {{.name = "a", .mark = Mark::band},
                               {.name = "b"},
                               {.name = "a", .mark = Mark::points},
                               {.name = "a", .mark = Mark::points},
                               {}}};
  EXPECT_THAT(legend_entries(chart), testing::ElementsAre(2, 1));
}

}  // namespace
}  // namespace tessera
