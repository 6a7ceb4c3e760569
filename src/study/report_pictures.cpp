#include "study/report_pictures.h"

#include <map>

#include "charts/html.h"
#include "study/report_metrics.h"
#include "study/report_paths.h"
#include "study/report_tables.h"

namespace tessera {
namespace {

constexpr std::size_t kMostBytes = std::size_t{16} << 20;
constexpr std::string_view kPngSignature = "\x89PNG\r\n\x1a\n";

// The picture, or what is the matter with it.
std::string picture(const ReportInput& input, const std::string& name, const std::string& what) {
  const auto absent = [&](const std::string& reason) {
    return "<p class='absent'>" + escape_html("No " + what + ": " + reason) + "</p>";
  };
  if (name.empty()) return absent("the row names none.");
  const auto path = path_inside(input.folder, name);
  if (!path) return absent(name + " is not inside the study's folder.");
  if (!fs::is_regular_file(*path)) return absent(name + " is missing.");
  if (fs::file_size(*path) > kMostBytes) return absent(name + " is larger than 16 MB.");
  const auto bytes = read_file(*path);
  if (!bytes.starts_with(kPngSignature)) return absent(name + " is not a PNG file.");
  return "<img alt='" + escape_html(what) + "' src='data:image/png;base64," + base64(bytes) + "'>";
}

std::string caption(const StudyRow& row, const std::string& id, const std::string& what,
                    const std::string& metric) {
  return "<figcaption>" + what + ", <a href='#" + id + "'>" + report_metric(metric).label + " " +
         number_text(row.metric(metric), report_metric(metric).format) + "</a></figcaption>";
}

std::string run_pictures(const ReportInput& input, std::size_t index,
                         const std::vector<std::size_t>& views) {
  const auto& row = input.rows[index];
  const auto id = row_id(index);
  return "<section class='run'" + views_attribute(views) + "><h3><a href='#" + id + "'>" +
         escape_html(row.design) + "</a></h3><p>" +
         escape_html("generator " + row.generator + ", " + flops_text(row.total_flops()) +
                     " in all, seed " + std::to_string(row.seed)) +
         "</p><div class='pair'><figure>" + picture(input, row.samples, "samples") +
         caption(row, id, "samples", "fd") + "</figure><figure>" +
         picture(input, row.reconstructions, "reconstructions") +
         caption(row, id, "reconstructions", "rfd") + "</figure></div></section>";
}

}  // namespace

std::string report_pictures(const ReportInput& input, const std::vector<ReportView>& views) {
  std::map<std::size_t, std::vector<std::size_t>> shown;  // row -> views
  for (std::size_t view = 0; view < views.size(); ++view)
    for (const auto& group : largest_generators(input.rows, views[view].groups))
      shown[group.rows.front()].push_back(view);
  std::string html = "<div class='pictures'>";
  for (const auto& [row, of_views] : shown) html += run_pictures(input, row, of_views);
  return html + "</div>";
}

}  // namespace tessera
