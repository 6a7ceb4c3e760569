#include "study/index.h"

#include <gmock/gmock.h>
#include <sqlite3.h>

#include "base/error.h"
#include "base/testing.h"

namespace tessera {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// The first column of every row that a question gives.
std::vector<std::string> ask(const fs::path& path, const char* question) {
  sqlite3* database = nullptr;
  EXPECT_EQ(sqlite3_open_v2(path.c_str(), &database, SQLITE_OPEN_READONLY, nullptr), SQLITE_OK);
  std::vector<std::string> answer;
  sqlite3_stmt* statement = nullptr;
  EXPECT_EQ(sqlite3_prepare_v2(database, question, -1, &statement, nullptr), SQLITE_OK)
      << sqlite3_errmsg(database);
  while (sqlite3_step(statement) == SQLITE_ROW)
    answer.emplace_back(reinterpret_cast<const char*>(sqlite3_column_text(statement, 0)));
  sqlite3_finalize(statement);
  sqlite3_close(database);
  return answer;
}

TEST(StudyIndex, AnswersQuestionsAndIsMadeAnew) {
  TemporaryFolder folder;
  const auto path = folder / "index.sqlite";
  std::vector<StudyRow> rows(2);
  rows[0] = {.run = "g-1",
             .sweeps = {"a", "b"},
             .design = "it's \"plain\"; DROP TABLE rows",
             .seed = 1,
             .settings = {{"regularizer.weight", 0}},
             .metrics = {{"fd", 0.5}},
             .by_position = {1.5, 1}};
  rows[1] = {.run = "g-2",
             .design = "CRT",
             .seed = 2,
             .settings = {{"regularizer.weight", 0.1}},
             .metrics = {{"fd", 0.25}, {"psnr", 20}}};
  write_index(path, rows);
  write_index(path, rows);
  EXPECT_THAT(ask(path, "SELECT design FROM rows WHERE fd < 0.3"), ElementsAre("CRT"));
  EXPECT_THAT(ask(path, "SELECT design FROM rows WHERE psnr IS NULL"), ElementsAre(rows[0].design));
  EXPECT_THAT(ask(path, "SELECT run FROM settings WHERE key = 'regularizer.weight' AND value > 0"),
              ElementsAre("g-2"));
  EXPECT_THAT(ask(path, "SELECT name FROM sweeps WHERE run = 'g-1' ORDER BY name"),
              ElementsAre("a", "b"));
  EXPECT_THAT(ask(path, "SELECT sum(nats) FROM positions"), ElementsAre("2.5"));
  write_file(folder / "file", "");
  EXPECT_THAT(error_of([&] { write_index(folder / "file/index.sqlite", rows); }),
              HasSubstr("file/index.sqlite: cannot be written"));
}

}  // namespace
}  // namespace tessera
