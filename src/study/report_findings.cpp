#include "study/report_findings.h"

#include <cmath>

#include "charts/html.h"
#include "study/report_metrics.h"
#include "study/report_tables.h"

namespace tessera {
namespace {

const char* verdict_class(const std::string& verdict) {
  if (verdict == "reproduced") return "yes";
  return verdict == "not reproduced" ? "no" : "open";
}

std::string number_row(const ReportFinding::Number& number) {
  const auto interval = interval_text(number.value, "%.4g");
  return "<tr><td class='name'>" + escape_html(number.label) + "</td><td>" +
         number_text(number.value.value) + "</td><td>" + (interval.empty() ? "–" : interval) +
         "</td><td>" + (number.pairs > 0 ? std::to_string(number.pairs) : "–") + "</td></tr>";
}

std::string runs_link(const ReportFinding& finding, const std::vector<ReportView>& views) {
  for (std::size_t view = 0; view < views.size(); ++view)
    if (!views[view].sweep.empty() && views[view].sweep == finding.sweep)
      return "<a href='#headline' data-show='" + std::to_string(view) + "'>The runs behind it</a>";
  return "<a href='#headline'>The runs behind it</a>";
}

std::string article(const ReportFinding& finding, const std::vector<ReportView>& views) {
  const std::string kind = verdict_class(finding.verdict);
  std::string html = "<article class='finding " + kind + "'><p class='verdict'>" +
                     escape_html(finding.verdict) + "</p><h3>" + escape_html(finding.statement) +
                     "</h3>";
  if (!finding.why.empty()) html += "<p>" + escape_html(finding.why) + "</p>";
  if (!finding.numbers.empty()) {
    html +=
        "<div class='wide'><table><thead><tr><th>measured</th><th>value</th><th>95% interval</th>"
        "<th>pairs</th></tr></thead>";
    for (const auto& number : finding.numbers) html += number_row(number);
    html += "</table></div>";
  }
  return html + "<p class='rule'>Rule: " + escape_html(finding.rule) + "<br>" +
         runs_link(finding, views) + "</p></article>";
}

std::string decided_by_chance(std::size_t verdicts) {
  if (verdicts == 1) return "<p>The verdict is at 95%.</p>";
  return "<p>There are " + std::to_string(verdicts) +
         " verdicts, each at 95% without correction for their number: if no claim were true, at "
         "most 5% of them, " +
         number_text(0.05 * static_cast<double>(verdicts), "%.2g") +
         " on average, would be called reproduced by chance.</p>";
}

}  // namespace

std::string report_findings(const ReportInput& input, const std::vector<ReportView>& views) {
  if (!input.findings)
    return "<p class='absent'>There is no findings.json yet: <code>tessera study fit</code> makes "
           "it from "
           "the rows and the rules of the sweep file.</p>";
  if (input.findings->empty()) return "<p class='absent'>The sweep file asks for no finding.</p>";
  std::string html = decided_by_chance(input.findings->size());
  for (const auto& finding : *input.findings) html += article(finding, views);
  return html;
}

}  // namespace tessera
