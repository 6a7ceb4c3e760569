#include "study/report.h"

#include <set>

#include "base/output.h"
#include "base/version.h"
#include "charts/html.h"
#include "charts/plot_data.h"
#include "charts/svg_chart.h"
#include "study/page_assets.h"
#include "study/report_charts.h"
#include "study/report_configurations.h"
#include "study/report_findings.h"
#include "study/report_metrics.h"
#include "study/report_pictures.h"
#include "study/report_tables.h"

namespace tessera {
namespace {

using nlohmann::json;

// The charts of each view.
using ViewCharts = std::vector<std::vector<Chart>>;

std::string figure_file(const ReportView& view, const Chart& chart) {
  return "figures/" + view.id + "-" + chart.name + ".svg";
}

std::string plot_id(std::size_t view, const Chart& chart) {
  return "plot-" + std::to_string(view) + "-" + chart.name;
}

// What the script draws: the plots, and of each row what a point says when it is pointed at.
json page_data(const ReportInput& input, const ViewCharts& charts, bool interactive) {
  json plots = json::object(), rows = json::object();
  if (!interactive) return {{"plots", plots}, {"rows", rows}};
  for (std::size_t view = 0; view < charts.size(); ++view)
    for (const auto& chart : charts[view]) plots[plot_id(view, chart)] = plot_data(chart);
  for (std::size_t i = 0; i < input.rows.size(); ++i) {
    const auto& row = input.rows[i];
    json lines = {row.design, "generator " + row.generator,
                  std::to_string(row.steps()) + " steps, seed " + std::to_string(row.seed),
                  "training: generator " + flops_text(row.generator_flops) + ", tokenizer " +
                      flops_text(row.tokenizer_flops)};
    for (const char* name : {"nats_per_token", "bits_per_image", "fd", "rfd"}) {
      const auto metric = report_metric(name);
      lines.push_back(std::string(metric.label) + " " +
                      number_text(row.metric(name), metric.format));
    }
    rows[row_id(i)] = lines;
  }
  return {{"plots", plots}, {"rows", rows}};
}

// Without the plotting library the page holds the charts as SVG.
std::string plots_section(const std::vector<ReportView>& views, const ViewCharts& charts,
                          bool interactive) {
  std::string html;
  for (std::size_t view = 0; view < views.size(); ++view) {
    html += "<div class='plots'" + views_attribute({view}) + ">";
    for (const auto& chart : charts[view])
      html += "<figure><h3>" + escape_html(chart.title) + "</h3>" +
              (interactive ? "<div class='plot' id='" + plot_id(view, chart) + "'></div>"
                           : "<div class='drawing'>" + svg_chart(chart) + "</div>") +
              "<figcaption>" + escape_html(chart.caption) + " <a href='" +
              figure_file(views[view], chart) + "'>As SVG</a></figcaption></figure>";
    html += "</div>";
  }
  return html;
}

std::string view_chooser(const std::vector<ReportView>& views) {
  if (views.size() < 2) return "";
  std::string html =
      "<div class='chooser' role='group' aria-label='runs to show'><span>Show</span>";
  for (std::size_t view = 0; view < views.size(); ++view)
    html += "<button type='button' data-show='" + std::to_string(view) + "'>" +
            (views[view].sweep.empty() ? "everything" : escape_html(views[view].sweep)) +
            "</button>";
  return html + "</div>";
}

std::string introduction(const ReportInput& input) {
  std::set<std::string> tokenizers, generators, designs;
  for (const auto& row : input.rows) {
    designs.insert(row.design);
    tokenizers.insert(row.tokenizer_run);
    generators.insert(row.run);
  }
  const auto count = [](std::size_t number, const std::string& what) {
    return std::to_string(number) + " " + what + (number == 1 ? "" : "s");
  };
  return "<p>" + count(designs.size(), "design") + " of a tokenizer, trained as " +
         count(tokenizers.size(), "tokenizer") + "; on their tokens " +
         count(generators.size(), "generator") + ", measured at " +
         count(input.rows.size(), "point") +
         " of compute on held-out images. Every number leads to the run that it was measured "
         "on.</p>";
}

std::string failures(const ReportInput& input) {
  if (input.failures.empty()) return "";
  std::string html = "<h2 id='failures'>Runs that failed</h2><ul>";
  for (const auto& failure : input.failures) html += "<li>" + escape_html(failure) + "</li>";
  return html + "</ul>";
}

std::string meanings() {
  std::string html = "<details><summary>What the columns mean</summary><dl>";
  for (const auto& metric : report_metrics())
    html +=
        "<dt>" + escape_html(metric.label) + "</dt><dd>" + escape_html(metric.meaning) + "</dd>";
  return html + "</dl></details>";
}

std::string license(const PageLibrary& library) {
  if (library.license.empty()) return "";
  return "<details><summary>The licence of the plotting library</summary><pre>" +
         escape_html(std::string(library.license)) + "</pre></details>";
}

// What the plots section says before its plots.
const char* plots_note(bool interactive) {
  return interactive
             ? "<p>A point tells its run when it is pointed at, and leads to the run's "
               "configuration when it is clicked. Names in a legend hide and show what bears "
               "them.</p><noscript><p class='absent'>The plots need JavaScript; as SVG they are "
               "in the folder figures.</p></noscript>"
             : "<p>These plots are pictures: the program was built without the plotting library "
               "that makes them interactive.</p>";
}

std::string made(const ReportInput& input, const PageLibrary& library) {
  std::string html =
      "<h2 id='made'>How it was made</h2><p>" +
      escape_html("Report by tessera " + std::string(kVersion) + ", commit " + kCommit + ".");
  if (input.fits) html += escape_html(" Fits: " + json_text(input.fits->about) + ".");
  html += "</p>";
  if (!input.sweep_file.is_null())
    html += "<details><summary>The sweep file as it was understood</summary><pre>" +
            escape_html(json_text(input.sweep_file, 2)) + "</pre></details>";
  return html + "<details><summary>Every run's own file</summary>" + run_files(input) +
         "</details>" + license(library);
}

std::string body(const ReportInput& input, const std::vector<ReportView>& views,
                 const ViewCharts& charts, const PageLibrary& library) {
  const bool interactive = !library.script.empty();
  const auto title = escape_html(input.title);
  return "<header><h1>" + title + "</h1>" + introduction(input) +
         "<nav><a href='#findings'>Findings</a> <a href='#plots'>Plots</a> <a "
         "href='#pictures'>Pictures</a> <a href='#headline'>Means</a> <a href='#fits'>Fits</a> <a "
         "href='#runs'>Runs</a> <a href='#made'>How it was made</a></nav></header>"
         "<p id='errors' role='alert' hidden></p>"
         "<main><h2 id='findings'>Findings</h2>" +
         report_findings(input, views) + view_chooser(views) + "<h2 id='plots'>Plots</h2>" +
         plots_note(interactive) + (input.fits ? "" : fits_tables(input)) +
         plots_section(views, charts, interactive) +
         "<h2 id='pictures'>Pictures</h2><p>For each design its largest generator at the last "
         "compute point, first seed.</p>" +
         report_pictures(input, views) +
         "<h2 id='headline'>Means over seeds</h2><p>Mean ± standard deviation of each design, "
         "generator and number of its steps. A click on a heading sorts.</p>" +
         meanings() + headline_table(input, views) + "<h2 id='fits'>Fits over compute</h2>" +
         fits_tables(input) + "<h2 id='runs'>All runs</h2>" + runs_table(input, views) +
         failures(input) + made(input, library) + "</main>";
}

// Scripts run only if they are these: whatever else got into the page would not.
std::string policy(std::string_view library) {
  return "default-src 'none'; style-src 'unsafe-inline'; img-src data: blob:; script-src " +
         (library.empty() ? "" : script_hash(library) + " ") + script_hash(report_script());
}

std::string script(std::string_view text) {
  return text.empty() ? "" : "<script>" + std::string(text) + "</script>";
}

std::string page(const ReportInput& input, const std::vector<ReportView>& views,
                 const ViewCharts& charts, const PageLibrary& library) {
  return "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'><meta "
         "http-equiv='Content-Security-Policy' content=\"" +
         policy(library.script) + "\"><title>" + escape_html(input.title) +
         "</title><meta name='viewport' content='width=device-width, initial-scale=1'><style>" +
         std::string(report_style()) + "</style></head><body>" +
         body(input, views, charts, library) + "<script type='application/json' id='data'>" +
         script_json(page_data(input, charts, !library.script.empty())) + "</script>" +
         script(library.script) + script(report_script()) + "</body></html>\n";
}

}  // namespace

void write_study_report(const fs::path& study, const PageLibrary& library) {
  check_output_file(study / "report.html");
  const auto input = read_report_input(study);
  const auto views = report_views(input);
  ViewCharts charts;
  for (const auto& view : views) charts.push_back(report_charts(input, view));
  for (std::size_t view = 0; view < views.size(); ++view)
    for (const auto& chart : charts[view])
      write_file(study / figure_file(views[view], chart), svg_chart(chart) + "\n");
  write_file(study / "report.html", page(input, views, charts, library));
}

}  // namespace tessera
