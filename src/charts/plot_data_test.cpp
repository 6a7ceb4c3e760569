#include "charts/plot_data.h"

#include <gtest/gtest.h>

#include <cmath>

namespace tessera {
namespace {

TEST(PlotData, HasATraceForEachSeries) {
  const auto plot =
      plot_data({.x = {"compute", true},
                 .y = {"nats"},
                 .series = {{.name = "a", .mark = Mark::dashes, .colour = 1, .points = {{1, 2}}},
                            {.name = "a",
                             .mark = Mark::points,
                             .colour = 1,
                             .shape = 2,
                             .points = {{1, 2, 1.5, 3, "run-1"}, {2, NAN}}}}});
  ASSERT_EQ(plot["data"].size(), 2u);
  const auto &line = plot["data"][0], &points = plot["data"][1];
  EXPECT_EQ(line["line"]["dash"], "dash");
  EXPECT_EQ(line["showlegend"], false);
  EXPECT_EQ(points["showlegend"], true);
  EXPECT_EQ(points["marker"]["symbol"], "diamond");
  EXPECT_EQ(points["customdata"], nlohmann::json({"run-1", ""}));
  EXPECT_EQ(points["y"], nlohmann::json({2.0, nullptr}));
  EXPECT_EQ(points["error_y"]["array"], nlohmann::json({1.0, 0}));
  EXPECT_EQ(points["error_y"]["arrayminus"], nlohmann::json({0.5, 0}));
  EXPECT_EQ(plot["layout"]["xaxis"]["type"], "log");
  EXPECT_FALSE(plot["layout"]["yaxis"].contains("type"));
}

TEST(PlotData, ABandGoesThereAndBack) {
  const auto plot = plot_data({.series = {{.mark = Mark::band,
                                           .points = {{.x = 1, .y = 0, .low = 10, .high = 20},
                                                      {.x = 2, .y = 0, .low = 11, .high = 21}}}}});
  EXPECT_EQ(plot["data"][0]["x"], nlohmann::json({1.0, 2.0, 2.0, 1.0}));
  EXPECT_EQ(plot["data"][0]["y"], nlohmann::json({20.0, 21.0, 11.0, 10.0}));
}

TEST(PlotData, MarksBetweenDecadesAreWholeNumbers) {
  const auto format_over = [](double low, double high) {
    return plot_data({.x = {"compute", true},
                      .series = {{.points = {{low, 1}, {high, 1}}}}})["layout"]["xaxis"]
        .value("tickformat", "");
  };
  EXPECT_EQ(format_over(0.2, 20), ".4~g");
  EXPECT_EQ(format_over(1, 1e6), "");
}

TEST(PlotData, NamesAreNotMarkup) {
  const auto plot = plot_data({.x = {"<b>x"}, .series = {{.name = "<a href='y'>&"}}});
  EXPECT_EQ(plot["data"][0]["name"], "&lt;a href='y'&gt;&amp;");
  EXPECT_EQ(plot["layout"]["xaxis"]["title"]["text"], "&lt;b&gt;x");
}

}  // namespace
}  // namespace tessera
