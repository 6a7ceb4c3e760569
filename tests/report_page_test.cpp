// The study's report as a reader sees it: opened in a browser, where there is one.
#include <gmock/gmock.h>

#include <cstdlib>
#include <regex>
#include <set>

#include "base/random.h"
#include "base/testing.h"
#include "image/image.h"
#include "plotting/plotting_library.h"
#include "study/made_up_study_test.h"
#include "study/report.h"

namespace tessera {
namespace {

using testing::Each;
using testing::HasSubstr;
using testing::Not;

bool has_browser() { return std::system("command -v chromium > /dev/null") == 0; }

#define SKIP_WITHOUT_BROWSER() \
  if (!has_browser())          \
  GTEST_SKIP() << "There is no chromium here, which scripts/install_dependencies.sh installs."

constexpr const char* kBrowser =
    "timeout 120 chromium --headless --no-sandbox --disable-gpu --hide-scrollbars "
    "--virtual-time-budget=20000 ";

// The page as it is once its scripts have run; `fragment` as #run-3.
std::string opened(const TemporaryFolder& folder, const std::string& fragment = "") {
  const auto dom = (folder / "dom.html").string();
  const std::string command = std::string(kBrowser) + "--user-data-dir='" +
                              (folder / "browser").string() + "' --dump-dom 'file://" +
                              (folder / "study/report.html").string() + fragment + "' > '" + dom +
                              "' 2> '" + (folder / "browser.log").string() + "'";
  EXPECT_EQ(std::system(command.c_str()), 0) << read_file(folder / "browser.log");
  return read_file(dom);
}

// The page without its scripts and style, whose text is not markup.
std::string markup(const std::string& page) {
  static const std::string kOpen[] = {"<script", "<style"}, kClose[] = {"</script>", "</style>"};
  std::string rest = page;
  for (const int kind : {0, 1})
    for (auto begin = rest.find(kOpen[kind]); begin != std::string::npos;
         begin = rest.find(kOpen[kind]))
      rest.erase(begin, rest.find(kClose[kind], begin) + kClose[kind].size() - begin);
  return rest;
}

std::vector<std::string> attributes(const std::string& html, const std::string& name) {
  const std::regex pattern("[ :]" + name + R"(=["']([^"']{0,200}))");
  std::vector<std::string> values;
  for (std::sregex_iterator match(html.begin(), html.end(), pattern), end; match != end; ++match)
    values.push_back((*match)[1]);
  return values;
}

int count(const std::string& text, const std::string& part) {
  int found = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

// A grid of soft blobs: what samples look like from afar.
void write_picture(const fs::path& path, std::uint64_t seed) {
  constexpr int kSide = 16;
  std::vector<Image> images;
  Rng rng(seed);
  for (int i = 0; i < 40; ++i) {
    Image image{kSide, kSide, std::vector<std::uint8_t>(kSide * kSide * 3)};
    const double x = 4 + 8 * rng.uniform(), y = 4 + 8 * rng.uniform(),
                 width = 8 + 30 * rng.uniform();
    const double tint[] = {rng.uniform(), rng.uniform(), rng.uniform()};
    for (int p = 0; p < kSide * kSide; ++p)
      for (int c = 0; c < 3; ++c) {
        const double dx = p % kSide - x, dy = p / kSide - y;
        image.pixels[static_cast<std::size_t>(3 * p + c)] =
            static_cast<std::uint8_t>(255 * (1 - tint[c] * std::exp(-(dx * dx + dy * dy) / width)));
      }
    images.push_back(image);
  }
  write_png(path, image_grid(images, 10));
}

void write_pictures(const fs::path& study) {
  std::uint64_t seed = 0;
  for (const auto& row : made_up_rows())
    if (row.seed == 1) {
      write_picture(study / row.samples, ++seed);
      write_picture(study / row.reconstructions, ++seed);
    }
}

void write_page(const TemporaryFolder& folder) {
  write_made_up_study(folder / "study");
  write_pictures(folder / "study");
  write_study_report(folder / "study", {plotting_library(), plotting_license()});
}

void expect_no_error(const std::string& dom) {
  EXPECT_THAT(dom, HasSubstr("<p id=\"errors\" role=\"alert\" hidden=\"\"></p>"));
}

TEST(ReportPage, DrawsEveryPlotOfTheSweepThatIsShown) {
  SKIP_WITHOUT_BROWSER();
  TemporaryFolder folder;
  write_page(folder);
  const auto dom = opened(folder);
  expect_no_error(dom);
  const auto page = markup(dom);
  const auto begin = page.find("data-views=\"0\"");
  const auto first = page.substr(begin, page.find("class=\"plots\"", begin) - begin);
  EXPECT_EQ(count(first, "<figure>"), 10);
  EXPECT_EQ(count(first, "js-plotly-plot"), 10);
  EXPECT_EQ(count(first, "class=\"main-svg\" xmlns"), 30);  // a plot is three layers
  // Runs of two designs with three sizes, three points and three seeds in each chart over compute.
  EXPECT_GE(count(first, "<path class=\"point "), 4 * 2 * 27);
  EXPECT_GE(count(first, "<path class=\"js-line\""), 20);
  EXPECT_GE(count(first, "<path class=\"yerror\""), 4 * 2 * 9);
  // Plots that are hidden are drawn when they are shown.
  EXPECT_EQ(count(page, "js-plotly-plot"), 10);
}

TEST(ReportPage, EveryLinkLeadsToSomethingAndNothingIsFetched) {
  SKIP_WITHOUT_BROWSER();
  TemporaryFolder folder;
  write_page(folder);
  const auto dom = markup(opened(folder));
  std::set<std::string> ids;
  for (const auto& id : attributes(dom, "id")) EXPECT_TRUE(ids.insert(id).second) << id << " twice";
  int runs = 0;
  for (const auto& link : attributes(dom, "href")) {
    if (link.starts_with("#"))
      EXPECT_TRUE(ids.contains(link.substr(1))) << link;
    else
      EXPECT_TRUE(link.starts_with("figures/") && fs::exists(folder / ("study/" + link))) << link;
    runs += link.starts_with("#run-");
  }
  EXPECT_GT(runs, 900);
  const auto sources = attributes(dom, "src");
  EXPECT_EQ(std::ssize(sources), 2 * std::ssize(made_up_designs()));
  EXPECT_THAT(sources, Each(testing::StartsWith("data:image/png;base64,iVBOR")));
}

TEST(ReportPage, ALinkToARunShowsItAndItsConfiguration) {
  SKIP_WITHOUT_BROWSER();
  TemporaryFolder folder;
  write_page(folder);
  const auto dom = opened(folder, "#run-140");
  expect_no_error(dom);
  const auto row = dom.substr(dom.find("<tbody id=\"run-140\""), 4000);
  EXPECT_THAT(row.substr(0, row.find('>')), Not(HasSubstr("hidden")));
  EXPECT_THAT(row.substr(0, row.find("</tbody>")), HasSubstr("<details open=\"\">"));
}

TEST(ReportPage, NamesThatAreMarkupStayText) {
  SKIP_WITHOUT_BROWSER();
  TemporaryFolder folder;
  const std::string hostile =
      "</script><script>document.title='owned'</script><img src=x "
      "onerror=\"document.title='owned'\">'\"&amp;";
  auto rows = made_up_rows();
  rows.resize(30);
  for (auto& row : rows) {
    for (auto* name : {&row.run, &row.tokenizer_run, &row.design, &row.generator, &row.samples,
                       &row.reconstructions})
      *name += hostile;
    row.sweeps = {hostile, "<b>other</b>"};
    row.settings = {{hostile, hostile}};
  }
  write_rows(folder / "study", rows);
  auto findings = made_up_findings();
  for (const char* key : {"name", "sweep", "statement", "rule", "verdict", "why"})
    findings[0][key] = hostile;
  findings[0]["numbers"][0]["label"] = findings[0]["numbers"][0]["unit"] = hostile;
  write_json(folder / "study/findings.json", findings);
  auto fits = made_up_fits();
  for (auto& fit : fits["fits"]) fit["design"] = rows[0].design;
  write_json(folder / "study/fits.json", fits);
  write_json(folder / "study/failed/x.json", {{"error", hostile}});
  write_study_report(folder / "study", {plotting_library(), plotting_license()});

  const auto dom = opened(folder);
  expect_no_error(dom);
  EXPECT_THAT(dom, HasSubstr("<title>study</title>"));
  const auto page = markup(dom);
  EXPECT_THAT(page, Not(HasSubstr("<img")));
  EXPECT_FALSE(std::regex_search(page, std::regex("<[a-z][^<>]* onerror=\"")));
  EXPECT_THAT(page, Not(HasSubstr("<b>other")));
  EXPECT_THAT(page, HasSubstr("&lt;b&gt;other&lt;/b&gt;"));
  EXPECT_GT(count(page, "js-plotly-plot"), 4);
}

TEST(ReportPage, WithoutFitsAndFindingsItSaysWhatMakesThem) {
  SKIP_WITHOUT_BROWSER();
  TemporaryFolder folder;
  write_rows(folder / "study", {made_up_rows().front()});
  write_study_report(folder / "study", {plotting_library(), plotting_license()});
  const auto dom = opened(folder);
  expect_no_error(dom);
  EXPECT_THAT(dom, HasSubstr("There is no findings.json yet: <code>tessera study fit</code>"));
  EXPECT_THAT(dom, HasSubstr("There is no fits.json yet: <code>tessera study fit</code>"));
  EXPECT_THAT(dom, HasSubstr("samples-0.png is missing."));
}

}  // namespace
}  // namespace tessera
