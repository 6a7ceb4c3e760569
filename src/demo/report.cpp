#include "demo/report.h"

#include <fstream>
#include <functional>

#include "charts/html.h"
#include "charts/svg_chart.h"

namespace tessera {
namespace {

struct Row {
  const char* label;
  const char* pointer;  // into an arm's results
  const char* format;
  const char* meaning;
  double scale = 1;
};

constexpr Row kRows[] = {
    {"PSNR, dB", "/reconstruction/psnr", "%.2f",
     "reconstruction of held-out images; higher is closer"},
    {"SSIM", "/reconstruction/ssim", "%.3f", "structural similarity; 1 is equal"},
    {"reconstruction FD", "/reconstruction/fd", "%.3f",
     "Frechet distance of reconstructions to held-out images; lower is better"},
    {"code perplexity", "/reconstruction/code_perplexity", "%.0f",
     "how many codes are in use, evenly counted"},
    {"unigram entropy, nats", "/likelihood/unigram_entropy", "%.3f",
     "what a token carries if nothing is known before it"},
    {"validation nats per token", "/likelihood/nats_per_token", "%.3f",
     "what the generator finds surprising in held-out tokens"},
    {"predictability, nats", "/likelihood/predictability", "%.3f",
     "entropy minus nats per token: what context tells"},
    {"bits per image", "/likelihood/bits_per_image", "%.0f", "held-out images, all tokens"},
    {"generation FD", "/generation/fd", "%.3f",
     "Frechet distance of samples to held-out images; lower is better"},
    {"generation FD to reconstructions", "/generation/fd_reconstructions", "%.3f",
     "the same against the tokenizer's own reconstructions: what the generator alone misses"},
    {"guidance", "/generation/cfg", "%.2f", "scale of classifier-free guidance of the samples"},
    {"precision", "/generation/precision", "%.3f", "share of samples that look real"},
    {"recall", "/generation/recall", "%.3f", "share of real images that samples cover"},
    {"tokenizer parameters, million", "/tokenizer/parameters", "%.2f", "", 1e-6},
    {"tokenizer training, TFLOP", "/tokenizer/training_flops", "%.1f",
     "counted from the architecture", 1e-12},
    {"tokenizer training, s", "/tokenizer/seconds", "%.0f", ""},
    {"tokenizer steps", "/tokenizer/steps", "%.0f", "CRT takes fewer, to cost the same"},
    {"generator parameters, million", "/generator/parameters", "%.2f", "", 1e-6},
    {"generator training, TFLOP", "/generator/training_flops", "%.1f", "", 1e-12},
    {"generator training, s", "/generator/seconds", "%.0f", ""},
};

constexpr const char* kStyle = R"(
body{font:15px/1.5 system-ui,sans-serif;color:#1a202c;max-width:1000px;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem}h2{font-size:1.15rem;margin-top:2rem}
table{border-collapse:collapse;width:100%}td,th{padding:.25rem .6rem;border-bottom:1px solid #e2e8f0;text-align:right}
td:first-child,th:first-child{text-align:left}td:last-child,th:last-child{text-align:left;color:#718096;font-size:.85rem}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(360px,1fr));gap:1rem}
.pictures{display:grid;grid-template-columns:repeat(auto-fit,minmax(320px,1fr));gap:1rem}
img{width:100%;image-rendering:pixelated}figure{margin:0}figcaption{color:#4a5568;font-size:.9rem}
pre{background:#f7fafc;padding:.8rem;overflow:auto;font-size:.8rem})";

std::string cell(const nlohmann::json& results, const Row& row) {
  const nlohmann::json::json_pointer pointer(row.pointer);
  if (!results.contains(pointer) || !results[pointer].is_number()) return "–";
  char text[32];
  std::snprintf(text, sizeof text, row.format, results[pointer].get<double>() * row.scale);
  return text;
}

std::string table(const std::vector<ReportArm>& arms) {
  std::string html = "<table><tr><th></th>";
  for (const auto& arm : arms) html += "<th>" + escape_html(arm.name) + "</th>";
  html += "<th></th></tr>";
  for (const auto& row : kRows) {
    html += std::string("<tr><td>") + row.label + "</td>";
    for (const auto& arm : arms) html += "<td>" + cell(arm.results, row) + "</td>";
    html += std::string("<td>") + row.meaning + "</td></tr>";
  }
  return html + "</table>";
}

// One value of metrics.jsonl over the steps.
std::vector<ChartPoint> curve(const ReportArm& arm, const std::string& stage,
                              const std::string& kind, const std::string& key) {
  std::vector<ChartPoint> points;
  std::ifstream file(arm.folder / stage / "metrics.jsonl");
  for (std::string line; std::getline(file, line);) {
    const auto json = nlohmann::json::parse(line, nullptr, false);
    if (!json.is_object() || !json.contains(kind) || !json[kind].contains(key)) continue;
    points.push_back({.x = json.value("step", 0.0), .y = json[kind][key].get<double>()});
  }
  return points;
}

std::vector<ChartPoint> positions(const ReportArm& arm) {
  std::vector<ChartPoint> points;
  const nlohmann::json::json_pointer pointer("/likelihood/by_position");
  if (arm.results.contains(pointer))
    for (const auto& value : arm.results[pointer])
      points.push_back({.x = static_cast<double>(points.size()), .y = value.get<double>()});
  return points;
}

// One line an arm.
std::string line_chart(const std::vector<ReportArm>& arms, const std::string& title,
                       const std::string& x_label,
                       const std::function<std::vector<ChartPoint>(const ReportArm&)>& points) {
  Chart chart{.title = title, .x = {.label = x_label}};
  for (const auto& arm : arms)
    chart.series.push_back(
        {.name = arm.name, .colour = static_cast<int>(chart.series.size()), .points = points(arm)});
  return "<div>" + svg_chart(chart, {.width = 420, .height = 260}) + "</div>";
}

std::string curves(const std::vector<ReportArm>& arms, const std::string& title,
                   const std::string& stage, const std::string& kind, const std::string& key) {
  return line_chart(arms, title, "step",
                    [&](const ReportArm& arm) { return curve(arm, stage, kind, key); });
}

std::string pictures(const std::vector<ReportArm>& arms, const std::string& file,
                     const std::string& what) {
  std::string html = "<div class='pictures'>";
  for (const auto& arm : arms)
    html += "<figure><img alt='" + escape_html(arm.name + ", " + what) +
            "' src='data:image/png;base64," + base64(read_file(arm.folder / file)) +
            "'><figcaption>" + escape_html(arm.name + ": " + what) + "</figcaption></figure>";
  return html + "</div>";
}

}  // namespace

void write_report(const fs::path& path, const std::string& title,
                  const std::vector<ReportArm>& arms, const nlohmann::json& about) {
  std::string html = "<!doctype html><html lang='en'><meta charset='utf-8'><title>" +
                     escape_html(title) +
                     "</title><meta name='viewport' content='width=device-width'><style>" + kStyle +
                     "</style><h1>" + escape_html(title) + "</h1>";
  html +=
      "<p>The same generator is trained on the tokens of each tokenizer. CRT adds a loss to the "
      "tokenizer: a small "
      "causal transformer must predict each latent from those before it (arXiv 2412.16326).</p>";
  html += "<h2>Measured on held-out images</h2>" + table(arms);
  html += "<h2>Samples</h2>" + pictures(arms, "samples.png", "one row a class");
  html += "<h2>Reconstructions</h2>" +
          pictures(arms, "reconstructions.png", "original, reconstruction, original, ...");
  html +=
      "<h2>Curves</h2><div class='charts'>" +
      curves(arms, "tokenizer: held-out PSNR, dB", "tokenizer", "valid", "psnr") +
      curves(arms, "tokenizer: code perplexity", "tokenizer", "valid", "code_perplexity") +
      curves(arms, "generator: held-out nats per token", "generator", "valid", "nats_per_token") +
      line_chart(arms, "held-out nats by token position", "position", positions) + "</div>";
  html += "<h2>How it was made</h2><pre>" + escape_html(about.dump(2)) + "</pre></html>\n";
  write_file(path, html);
}

}  // namespace tessera
