#include "charts/html.h"

#include <gtest/gtest.h>

namespace tessera {
namespace {

TEST(Html, TextCannotBecomeMarkup) {
  EXPECT_EQ(escape_html("<a href='x' title=\"y\">&amp;"),
            "&lt;a href=&#39;x&#39; title=&quot;y&quot;&gt;&amp;amp;");
}

TEST(Html, BytesThatAreNoTextAreReplacedOrLeftOut) {
  EXPECT_EQ(escape_html("a\xff"
                        "b"),
            "a\xEF\xBF\xBD"
            "b");
  EXPECT_EQ(escape_html(std::string("a\0b\x01\n", 5)), "ab\n");
}

TEST(Html, JsonCannotEndItsScript) {
  const nlohmann::json hostile = {{"</script><!--", "<script>"}};
  const auto text = script_json(hostile);
  EXPECT_EQ(text.find('<'), std::string::npos);
  EXPECT_EQ(nlohmann::json::parse(text), hostile);
}

TEST(Html, Base64OfKnownBytes) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
}

TEST(Html, ScriptHashIsTheOneThatBrowsersCompute) {
  // SHA-256 of nothing, in base64.
  EXPECT_EQ(script_hash(""), "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='");
}

}  // namespace
}  // namespace tessera
