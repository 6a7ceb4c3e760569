#include "study/sweep.h"

#include <gmock/gmock.h>

#include <cstdlib>

#include "base/settings.h"
#include "base/testing.h"

namespace tessera {
namespace {

const fs::path kPage = fs::path(__FILE__).parent_path() / "../../docs/formats/sweep.md";

// TESSERA_UPDATE_GOLDEN=1 (or tools/update_golden) rewrites the page instead.
TEST(SweepFiles, TheReferencePageSaysWhatTheStructsSay) {
  const std::string marker =
      "<!-- From here on: tools/update_golden, from the structs in src/study/sweep.h. -->\n\n";
  const std::string text = read_file(kPage);
  const auto end = text.find(marker);
  ASSERT_NE(end, std::string::npos) << kPage << " has lost its marker";
  const std::string expected = text.substr(0, end) + marker + sweep_reference();
  if (std::getenv("TESSERA_UPDATE_GOLDEN")) write_file(kPage, expected);
  EXPECT_EQ(read_file(kPage), expected) << "run tools/update_golden";
}

TEST(SweepFiles, ThePagesExampleIsOne) {
  const auto text = read_file(kPage);
  const auto begin = text.find("```toml\n") + 8;
  TemporaryFolder folder;
  write_file(folder / "study.toml", text.substr(begin, text.find("```", begin) - begin));
  const auto file = read_sweep_file(folder / "study.toml");
  EXPECT_EQ(file.sweeps.at(0).designs.at(1).name, "CRT");
  EXPECT_EQ(file.findings.at(0).expect, Expected::lower);
  EXPECT_EQ(fs::path(file.recipe).lexically_normal(),
            (folder / "../../recipes/fashion-mnist.toml").lexically_normal());
  // What study.json holds reads back as the same.
  SweepFile again;
  from_json(again, to_json(file), "study.json");
  EXPECT_EQ(to_json(again), to_json(file));
}

}  // namespace
}  // namespace tessera
