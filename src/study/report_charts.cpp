#include "study/report_charts.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "study/report_curves.h"
#include "study/report_metrics.h"

namespace tessera {
namespace {

const std::string kGeneratorLabel = "training FLOPs of the generator";
const std::string kTotalLabel = "training FLOPs of both stages";

const std::string kAllCodes = "all codes used alike";

// What the charts of a view share.
class Charts {
 public:
  Charts(const ReportInput& input, const ReportView& view) : input_(input), view_(view) {
    for (const auto& group : view.groups) {
      const auto& row = first(group);
      note(designs_, row.design), note(generators_, row.generator);
    }
    tokenizers_ = tokenizers_text();
  }

  Chart over_compute(const std::string& metric, const std::string& title, bool log) const {
    Chart chart{.name = dashed(metric) + "-over-compute",
                .title = title,
                .caption =
                    "Each point is a finished run, each seed its own; lines join the means over "
                    "seeds of one design and generator, bars are a standard deviation." +
                    tokenizers_,
                .x = {kGeneratorLabel, true},
                .y = {report_metric(metric).label, log}};
    if (input_.fits) add_fits(chart, *input_.fits, metric);
    for (const auto& group : view_.groups) add_mean(chart, group, metric);
    add_runs(chart, view_.groups, [&](const StudyRow& row) {
      return ChartPoint{.x = row.generator_flops, .y = row.metric(metric)};
    });
    return chart;
  }

  // Empty where there is no front.
  Chart front(const std::string& metric, const std::string& title) const {
    Chart chart{.name = dashed(metric) + "-front",
                .title = title,
                .caption = "Each point is a finished run.",
                .x = {kTotalLabel, true},
                .y = {report_metric(metric).label, true}};
    if (input_.fits) add_fronts(chart, *input_.fits, metric);
    if (chart.series.empty()) return chart;
    add_runs(chart, view_.groups, [&](const StudyRow& row) {
      return ChartPoint{.x = row.total_flops(), .y = row.metric(metric)};
    });
    return chart;
  }

  Chart quality(const std::string& x, const std::string& y, const std::string& title,
                const std::string& caption) const {
    Chart chart{.name = dashed(y) + "-against-" + dashed(x),
                .title = title,
                .caption = caption + " Runs at their last compute point.",
                .x = {report_metric(x).label},
                .y = {report_metric(y).label}};
    add_runs(chart, last_points(input_.rows, view_.groups), [&](const StudyRow& row) {
      return ChartPoint{.x = row.metric(x), .y = row.metric(y)};
    });
    return chart;
  }

  Chart by_position() const {
    Chart chart{
        .name = "nats-by-position",
        .title = "Loss by token position",
        .caption =
            "Held-out nats of each token of an image, along the rows: means over the seeds, "
            "for the largest generator of each design at its last compute point.",
        .x = {"position of the token"},
        .y = {"nats per token"}};
    for (const auto& group : largest_generators(input_.rows, view_.groups))
      chart.series.push_back({.name = first(group).design,
                              .colour = designs_.at(first(group).design),
                              .points = position_means(input_.rows, group)});
    return chart;
  }

  // One point a tokenizer.
  Chart codebook() const {
    Chart chart{.name = "codebook-use",
                .title = "Codes in use",
                .caption =
                    "Perplexity of the codes of held-out images: how many are in use, evenly "
                    "counted. Each point is a tokenizer; on the dashes every code is used alike.",
                .x = {"codebook size", true},
                .y = {report_metric("code_perplexity").label, true}};
    std::set<std::string> seen;
    std::set<double> sizes;
    for (const auto& group : view_.groups)
      for (const auto i : group.rows) {
        const auto& row = input_.rows[i];
        if (!seen.insert(row.tokenizer_run).second) continue;
        const double size = static_cast<double>(row.codebook_size);
        sizes.insert(size);
        chart.series.push_back(
            {.name = row.design,
             .mark = Mark::points,
             .colour = designs_.at(row.design),
             .points = {{.x = size, .y = row.metric("code_perplexity"), .id = row_id(i)}}});
      }
    chart.x.ticks.assign(sizes.begin(), sizes.end());
    ChartSeries even{.name = kAllCodes, .mark = Mark::dashes};
    if (!sizes.empty())
      for (const double size : {*sizes.begin() / 1.2, *sizes.rbegin() * 1.2})
        even.points.push_back({.x = size, .y = size});
    chart.series.insert(chart.series.begin(), even);
    return chart;
  }

  Chart iso_flops(const std::string& metric, const std::string& title) const {
    Chart chart{
        .name = "iso-flops-" + dashed(metric),
        .title = title,
        .caption =
            "Each line is one design at one budget of the generator's training FLOPs over the "
            "generator's size; its lowest place is the best generator for that budget.",
        .x = {"parameters of the generator", true},
        .y = {report_metric(metric).label, false}};
    if (!input_.fits) return chart;
    Order budgets;
    for (const auto& iso : input_.fits->iso_flops) {
      if (iso.metric != metric || !designs_.contains(iso.design)) continue;
      note(budgets, flops_text(iso.generator_flops));
      ChartSeries line{.name = iso.design, .colour = designs_.at(iso.design)};
      for (const auto& place : iso.curve)
        line.points.push_back({.x = place.parameters, .y = place.value});
      std::ranges::sort(line.points, {}, &ChartPoint::x);
      ChartSeries dots = line;
      dots.mark = Mark::points, dots.shape = budgets.at(flops_text(iso.generator_flops));
      chart.series.push_back(line), chart.series.push_back(dots);
    }
    add_key(chart, budgets, "at ");
    return chart;
  }

 private:
  using Order = std::map<std::string, int>;

  static void note(Order& order, const std::string& name) {
    order.try_emplace(name, static_cast<int>(order.size()));
  }
  static std::string dashed(std::string name) {
    std::ranges::replace(name, '_', '-');
    return name;
  }
  const StudyRow& first(const ReportGroup& group) const { return input_.rows[group.rows.front()]; }

  // What is not on an axis of the generator's FLOPs.
  std::string tokenizers_text() const {
    std::pair<double, std::string> least{INFINITY, ""}, most{0, ""};
    for (const auto& group : view_.groups) {
      const auto& row = first(group);
      least = std::min(least, {row.tokenizer_flops, row.design});
      if (row.tokenizer_flops > most.first) most = {row.tokenizer_flops, row.design};
    }
    if (most.first == 0) return {};
    if (most.first < 1.01 * least.first)
      return " The tokenizer's training comes on top, " + flops_text(most.first) +
             " for each design.";
    return " The tokenizer's training comes on top, from " + flops_text(least.first) + " (" +
           least.second + ") to " + flops_text(most.first) + " (" + most.second +
           "); a point tells its own.";
  }

  void add_fits(Chart& chart, const ReportFits& fits, const std::string& metric) const {
    bool fitted = false;
    for (const auto& fit : fits.fits)
      if (fit.metric == metric && designs_.contains(fit.design))
        fitted |= add_fit(chart, fit, designs_.at(fit.design));
    if (fitted) chart.caption += " Dashes are each design's fit over compute, shaded its 95% band.";
  }

  // The fronts of the study that a design of this view has a part in.
  void add_fronts(Chart& chart, const ReportFits& fits, const std::string& metric) const {
    int fronts = 0;
    for (const auto& pareto : fits.pareto)
      if (pareto.metric == metric && std::ranges::any_of(pareto.front, [&](const auto& place) {
            return designs_.contains(place.design);
          }))
        add_pareto(chart, pareto, input_.rows), ++fronts;
    if (fronts == 1) chart.caption += " The stairs are the Pareto front of the whole study.";
    if (fronts > 1)
      chart.caption +=
          " The stairs are Pareto fronts of the whole study, one for each kind of tokens.";
  }

  // Its mean over seeds joins the line of its design and generator.
  void add_mean(Chart& chart, const ReportGroup& group, const std::string& metric) const {
    const auto spread = seed_spread(input_.rows, group, metric);
    double flops = 0;
    for (const auto row : group.rows)
      flops += input_.rows[row].generator_flops / static_cast<double>(group.rows.size());
    const bool goes_on = !chart.series.empty() && chart.series.back().mark == Mark::line &&
                         chart.series.back().name == first(group).design &&
                         chart.series.back().shape == generators_.at(first(group).generator);
    if (!goes_on)
      chart.series.push_back({.name = first(group).design,
                              .colour = designs_.at(first(group).design),
                              .shape = generators_.at(first(group).generator)});
    chart.series.back().points.push_back({.x = flops,
                                          .y = spread.mean,
                                          .low = spread.mean - spread.deviation,
                                          .high = spread.mean + spread.deviation});
  }

  // One series for each design and generator, and a key to the shapes of the generators.
  void add_runs(Chart& chart, const std::vector<ReportGroup>& groups, const auto& place) const {
    std::map<std::pair<int, int>, ChartSeries> runs;
    for (const auto& group : groups)
      for (const auto i : group.rows) {
        const auto& row = input_.rows[i];
        auto point = place(row);
        if (!shows(chart.x, point.x) || !shows(chart.y, point.y)) continue;
        point.id = row_id(i);
        const int colour = designs_.at(row.design), shape = generators_.at(row.generator);
        auto& series = runs[{colour, shape}];
        series.name = row.design, series.mark = Mark::points, series.faint = true;
        series.colour = colour, series.shape = shape;
        series.points.push_back(point);
      }
    for (auto& [key, series] : runs) chart.series.push_back(std::move(series));
    if (generators_.size() > 1 && !runs.empty()) add_key(chart, generators_, "generator ");
  }

  // What shapes stand for, in the order of the shapes.
  static void add_key(Chart& chart, const Order& order, const std::string& prefix) {
    std::vector<ChartSeries> key(order.size());
    for (const auto& [name, shape] : order)
      key[static_cast<std::size_t>(shape)] = {
          .name = prefix + name, .mark = Mark::points, .shape = shape};
    chart.series.insert(chart.series.end(), key.begin(), key.end());
  }

  const ReportInput& input_;
  const ReportView& view_;
  Order designs_, generators_;
  std::string tokenizers_;
};

bool has_points(const Chart& chart) {
  for (const auto& series : chart.series)
    for (const auto& point : series.points)
      if (series.name != kAllCodes && shows(chart.x, point.x) && shows(chart.y, point.y))
        return true;
  return false;
}

}  // namespace

std::vector<Chart> report_charts(const ReportInput& input, const ReportView& view) {
  const Charts charts(input, view);
  std::vector<Chart> all = {
      charts.over_compute("nats_per_token", "Loss over the generator's compute", true),
      charts.over_compute("fd", "Generation over the generator's compute", true),
      charts.over_compute("predictability", "Predictability over the generator's compute", false),
      charts.over_compute("bits_per_image", "Bits per image over the generator's compute", true),
      charts.front("nats_per_token", "Loss for the compute of both stages"),
      charts.front("fd", "Generation for the compute of both stages"),
      charts.front("bits_per_image", "Bits per image for the compute of both stages"),
      charts.quality("rfd", "fd", "Reconstruction against generation",
                     "Left is the better tokenizer, down the better generator of images."),
      charts.quality("bits_per_image", "fd", "Rate against generation",
                     "What an image costs to write down and how good samples are."),
      charts.by_position(),
      charts.codebook(),
      charts.iso_flops("nats_per_token", "Loss at equal compute over the generator's size"),
      charts.iso_flops("fd", "Generation at equal compute over the generator's size"),
  };
  std::erase_if(all, [](const Chart& chart) { return !has_points(chart); });
  return all;
}

}  // namespace tessera
