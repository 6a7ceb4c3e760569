#include "study/report_tables.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "charts/html.h"
#include "study/report_configurations.h"
#include "study/report_metrics.h"

namespace tessera {
namespace {

std::string cell(const std::string& html) { return "<td>" + html + "</td>"; }
std::string name_cell(const std::string& text) {
  return "<td class='name'>" + escape_html(text) + "</td>";
}

std::string link(const std::string& id, const std::string& text) {
  return "<a href='#" + id + "'>" + escape_html(text) + "</a>";
}

std::string heading(const std::vector<std::string>& names) {
  std::string html = "<thead><tr>";
  for (const auto& name : names) {
    const bool words = name == "design" || name == "generator" || name == "reference" ||
                       name == "metric" || name == "generators";
    html += (words ? "<th class='name'>" : "<th>") + escape_html(name) + "</th>";
  }
  return html;
}

std::string metric_headings(const ReportInput& input) {
  std::string html;
  for (const auto& metric : measured_metrics(input.rows))
    html +=
        "<th title='" + escape_html(metric.meaning) + "'>" + escape_html(metric.label) + "</th>";
  return html + "</tr></thead>";
}

std::string group_row(const ReportInput& input, const ReportGroup& group,
                      const std::string& attribute) {
  const auto& row = input.rows[group.rows.front()];
  const auto id = row_id(group.rows.front());
  std::string seeds;
  for (const auto each : group.rows)
    seeds += (seeds.empty() ? "" : " ") + link(row_id(each), std::to_string(input.rows[each].seed));
  std::string html = "<tbody" + attribute + "><tr>" + name_cell(row.design) +
                     name_cell(row.generator) + cell(std::to_string(row.steps())) +
                     cell(link(id, flops_text(row.generator_flops))) +
                     cell(link(id, flops_text(row.total_flops()))) + cell(seeds);
  for (const auto& metric : measured_metrics(input.rows)) {
    const auto spread = seed_spread(input.rows, group, metric.name);
    std::string text = spread.seeds == 0 ? "–" : link(id, number_text(spread.mean, metric.format));
    if (std::isfinite(spread.deviation))
      text += "<small> ± " + number_text(spread.deviation, metric.format) + "</small>";
    html += cell(text);
  }
  return html + "</tr></tbody>";
}

std::string run_row(const ReportInput& input, std::size_t index, const std::string& attribute,
                    const std::map<std::string, std::string>& files) {
  const auto& row = input.rows[index];
  const auto id = row_id(index);
  std::string html = "<tbody id='" + id + "'" + attribute + "><tr>" + "<td class='name'>" +
                     link(id, row.design) + "</td>" + name_cell(row.generator) +
                     cell(std::to_string(row.steps())) + cell(std::to_string(row.seed)) +
                     cell(flops_text(row.tokenizer_flops)) + cell(flops_text(row.generator_flops));
  for (const auto& metric : measured_metrics(input.rows))
    html += cell(number_text(row.metric(metric.name), metric.format));
  const auto columns = std::to_string(6 + measured_metrics(input.rows).size());
  return html + "</tr><tr class='config'><td colspan='" + columns + "'>" +
         row_configuration(row, files) + "</td></tr></tbody>";
}

// For each row, the views that show it.
std::vector<std::vector<std::size_t>> views_of_rows(const ReportInput& input,
                                                    const std::vector<ReportView>& views) {
  std::vector<std::vector<std::size_t>> of_row(input.rows.size());
  for (std::size_t view = 0; view < views.size(); ++view)
    for (const auto& group : views[view].groups)
      for (const auto row : group.rows) of_row[row].push_back(view);
  return of_row;
}

std::string metric_label(const std::string& name) {
  const std::string label = report_metric(name).label;
  return label.empty() ? name : label;
}

// A design by the first of its runs.
std::string design_cell(const ReportInput& input, const std::string& design) {
  const auto row = std::ranges::find(input.rows, design, &StudyRow::design);
  if (row == input.rows.end()) return name_cell(design);
  return "<td class='name'>" +
         link(row_id(static_cast<std::size_t>(row - input.rows.begin())), design) + "</td>";
}

std::string fit_rows(const ReportInput& input) {
  std::string html =
      "<h3>Fits</h3><p>L(C) = L<sub>min</sub> + C<sup>α</sup> e<sup>λ</sup>, where C is the "
      "training compute of the generator in FLOP; 95% intervals by bootstrap.</p>"
      "<div class='wide'><table>" +
      heading({"design", "metric", "rows", "L_min", "", "α", "", "λ", "", "scatter"}) +
      "</tr></thead>";
  for (const auto& fit : input.fits->fits) {
    html += "<tr>" + design_cell(input, fit.design) + name_cell(metric_label(fit.metric)) +
            cell(std::to_string(fit.rows));
    for (const auto& [value, low, high] : {fit.l_min, fit.alpha, fit.lambda})
      html += cell(number_text(value)) +
              cell("<small>" + interval_text({value, low, high}, "%.3g") + "</small>");
    html += cell(number_text(fit.scatter, "%.3g")) + "</tr>";
  }
  return html + "</table></div>";
}

std::string pair_cells(const ReportInput& input, const ReportPair& pair) {
  std::string generators;
  for (const auto& name : pair.generators) generators += (generators.empty() ? "" : ", ") + name;
  return design_cell(input, pair.design) + design_cell(input, pair.reference) +
         name_cell(metric_label(pair.metric)) + name_cell(generators);
}

std::string ratio_cells(const ReportInterval& ratio) {
  return cell(number_text(ratio.value, "%.2f")) + cell(interval_text(ratio, "%.2f"));
}

std::string ratio_rows(const ReportInput& input) {
  std::string html =
      "<h3>Compute at equal quality</h3><p>The compute that the reference takes to reach a quality "
      "over what the design takes: above 1 the design is the cheaper one. At the worst, the middle "
      "and the best quality that both reach, by fits to the generators that both have: first the "
      "training compute of the generator alone, then that of both stages, where what "
      "equal tokenizers take draws every ratio towards 1.</p><div class='wide'><table>" +
      heading({"design", "reference", "metric", "generators", "at", "quality", "generator's",
               "95% interval", "both stages'", "95% interval"}) +
      "</tr></thead>";
  for (const auto& ratio : input.fits->ratios)
    html += "<tr>" + pair_cells(input, ratio) + cell(escape_html(ratio.at)) +
            cell(number_text(ratio.quality)) + ratio_cells(ratio.of_generator) +
            ratio_cells(ratio.of_both_stages) + "</tr>";
  return html + "</table></div>";
}

std::string flops_interval(const ReportInterval& flops) {
  const auto end = [](double value) {
    return std::isfinite(value) && value > 0 ? flops_text(value) : std::string("no bound");
  };
  const auto low = end(flops.low), high = end(flops.high);
  return low == high ? low : low + " to " + high;
}

std::string not_fitted_rows(const ReportInput& input) {
  std::string html = "<h3>What could not be fitted</h3><div class='wide'><table>" +
                     heading({"design", "metric"}) + "<th class='name'>why</th></tr></thead>";
  for (const auto& each : input.fits->not_fitted)
    html += "<tr>" + design_cell(input, each.design) + name_cell(metric_label(each.metric)) +
            name_cell(each.why) + "</tr>";
  return html + "</table></div>";
}

std::string crossover_rows(const ReportInput& input) {
  std::string html =
      "<h3>Where designs change places</h3><p>Above this compute of both stages the design is the "
      "better one, below it the reference. Where the interval has an open end it is not decided "
      "that they change places: the fits meet, but need not.</p><div class='wide'><table>" +
      heading(
          {"design", "reference", "metric", "generators", "verdict", "compute", "95% interval"}) +
      "</tr></thead>";
  for (const auto& each : input.fits->crossovers)
    html += "<tr>" + pair_cells(input, each) + cell(each.decided ? "decided" : "not decided") +
            cell(flops_text(each.flops.value)) + cell(flops_interval(each.flops)) + "</tr>";
  return html + "</table></div>";
}

}  // namespace

std::string interval_text(const ReportInterval& interval, const char* format) {
  if (!std::isfinite(interval.low) && !std::isfinite(interval.high)) return "";
  return number_text(interval.low, format) + " to " + number_text(interval.high, format);
}

std::string views_attribute(const std::vector<std::size_t>& views) {
  std::string numbers;
  for (const auto view : views) numbers += (numbers.empty() ? "" : " ") + std::to_string(view);
  return " data-views='" + numbers + "'";
}

std::string headline_table(const ReportInput& input, const std::vector<ReportView>& views) {
  const auto of_row = views_of_rows(input, views);
  std::string html = "<div class='wide'><table class='sortable'>" +
                     heading({"design", "generator", "steps", "generator's compute",
                              "compute of both stages", "seeds"}) +
                     metric_headings(input);
  for (const auto& group : views.back().groups)
    html += group_row(input, group, views_attribute(of_row[group.rows.front()]));
  return html + "</table></div>";
}

std::string runs_table(const ReportInput& input, const std::vector<ReportView>& views) {
  const auto of_row = views_of_rows(input, views);
  const auto files = run_file_ids(input);
  std::string html = "<div class='wide'><table class='sortable'>" +
                     heading({"design", "generator", "steps", "seed", "tokenizer's compute",
                              "generator's compute"}) +
                     metric_headings(input);
  for (std::size_t row = 0; row < input.rows.size(); ++row)
    html += run_row(input, row, views_attribute(of_row[row]), files);
  return html + "</table></div>";
}

std::string fits_tables(const ReportInput& input) {
  if (!input.fits)
    return "<p class='absent'>There is no fits.json yet: <code>tessera study fit</code> makes it "
           "from the "
           "rows.</p>";
  std::string html;
  if (!input.fits->ratios.empty()) html += ratio_rows(input);
  if (!input.fits->crossovers.empty()) html += crossover_rows(input);
  if (!input.fits->fits.empty()) html += fit_rows(input);
  if (!input.fits->not_fitted.empty()) html += not_fitted_rows(input);
  return html.empty() ? "<p class='absent'>fits.json holds no fit.</p>" : html;
}

}  // namespace tessera
