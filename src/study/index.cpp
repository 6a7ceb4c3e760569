#include "study/index.h"

#include <sqlite3.h>

#include <memory>
#include <set>

#include "base/error.h"
#include "base/output.h"

namespace tessera {
namespace {

constexpr const char* kSchema = R"sql(
  CREATE TABLE settings (run TEXT, point INTEGER, key TEXT, value, PRIMARY KEY (run, point, key));
  CREATE TABLE sweeps (run TEXT, point INTEGER, name TEXT, PRIMARY KEY (run, point, name));
  CREATE TABLE positions (run TEXT, point INTEGER, position INTEGER, nats REAL,
                          PRIMARY KEY (run, point, position));
)sql";

// A name as SQL writes it, whatever it holds.
std::string quoted(const std::string& name) {
  std::string text = "\"";
  for (const char c : name) text += c == '"' ? std::string("\"\"") : std::string(1, c);
  return text + "\"";
}

class Database {
 public:
  explicit Database(const fs::path& path) : path_(path) {
    sqlite3* handle = nullptr;
    // The file is this process's alone until it is renamed, so it needs no locks, which shared file
    // systems may not have, and no journal.
    const bool opened =
        sqlite3_open_v2(path.c_str(), &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                        "unix-none") == SQLITE_OK;
    handle_.reset(handle);  // there is one that tells the error, too
    if (!opened) refuse();
  }

  void execute(const std::string& sql) {
    if (sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) refuse();
  }

  /// One row of a table: numbers and texts as JSON has them.
  void insert(const std::string& table, const std::vector<nlohmann::json>& values) {
    std::string sql = "INSERT OR REPLACE INTO " + table + " VALUES (";
    for (std::size_t i = 0; i < values.size(); ++i) sql += i ? ", ?" : "?";
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v2(handle_.get(), (sql + ")").c_str(), -1, &statement, nullptr) !=
        SQLITE_OK)
      refuse();
    for (std::size_t i = 0; i < values.size(); ++i)
      bind(statement, static_cast<int>(i) + 1, values[i]);
    const bool done = sqlite3_step(statement) == SQLITE_DONE;
    sqlite3_finalize(statement);
    if (!done) refuse();
  }

 private:
  static void bind(sqlite3_stmt* statement, int place, const nlohmann::json& value) {
    if (value.is_number_integer() || value.is_boolean()) {
      sqlite3_bind_int64(statement, place,
                         value.is_boolean() ? value.get<bool>() : value.get<std::int64_t>());
    } else if (value.is_number()) {
      sqlite3_bind_double(statement, place, value.get<double>());
    } else if (!value.is_null()) {
      const auto text = value.is_string() ? value.get<std::string>() : json_text(value);
      sqlite3_bind_text(statement, place, text.c_str(), -1, SQLITE_TRANSIENT);
    }
  }
  [[noreturn]] void refuse() {
    throw FileError(path_, std::string("cannot be written: ") + sqlite3_errmsg(handle_.get()));
  }

  fs::path path_;
  std::unique_ptr<sqlite3, decltype([](sqlite3* handle) { sqlite3_close(handle); })> handle_;
};

const std::vector<std::string> kFields = {"run",
                                          "point",
                                          "tokenizer_run",
                                          "design",
                                          "generator",
                                          "seed",
                                          "generator_seed",
                                          "tokenizer_parameters",
                                          "generator_parameters",
                                          "tokens_per_image",
                                          "codebook_size",
                                          "train_images",
                                          "tokenizer_flops",
                                          "generator_flops",
                                          "sampling_flops_per_image",
                                          "tokenizer_seconds",
                                          "generator_seconds",
                                          "samples",
                                          "reconstructions"};

void fill(Database& database, const std::vector<StudyRow>& rows) {
  std::set<std::string> metrics;
  for (const auto& row : rows)
    for (const auto& [name, value] : row.metrics) metrics.insert(name);
  std::string columns;
  for (const auto& name : kFields) columns += quoted(name) + ", ";
  for (const auto& name : metrics) columns += quoted(name) + " REAL, ";
  database.execute("PRAGMA journal_mode = OFF; BEGIN; CREATE TABLE rows (" + columns +
                   "PRIMARY KEY (run, point));" + kSchema);
  for (const auto& row : rows) {
    const auto json = to_json(row);
    std::vector<nlohmann::json> values;
    for (const auto& name : kFields) values.push_back(json.at(name));
    for (const auto& name : metrics)
      values.push_back(row.metrics.contains(name) ? nlohmann::json(row.metrics.at(name))
                                                  : nlohmann::json());
    database.insert("rows", values);
    for (const auto& [key, value] : row.settings.items())
      database.insert("settings", {row.run, row.point, key, value});
    for (const auto& name : row.sweeps) database.insert("sweeps", {row.run, row.point, name});
    for (std::size_t i = 0; i < row.by_position.size(); ++i)
      database.insert("positions", {row.run, row.point, i, row.by_position[i]});
  }
  database.execute("COMMIT");
}

}  // namespace

void write_index(const fs::path& path, const std::vector<StudyRow>& rows) {
  OutputFile file(path);
  {
    Database database(file.temporary());
    fill(database, rows);
  }
  file.commit();
}

}  // namespace tessera
