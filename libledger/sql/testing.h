// For tests of this room: a directory of one's own, and SQL from outside.
#pragma once

#include <sqlite3.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "sql/sqlite.h"
#include "sql/target.h"

namespace ledger::sql {

/// A directory that goes when it does, with the name of a database in it.
class Scratch {
 public:
  Scratch() {
    std::string pattern = std::filesystem::temp_directory_path() / "ledger-sql-XXXXXX";
    if (mkdtemp(pattern.data()) == nullptr) std::abort();
    directory_ = pattern;
  }
  ~Scratch() { std::filesystem::remove_all(directory_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  const std::filesystem::path& directory() const { return directory_; }
  std::filesystem::path path() const { return directory_ / "books.db"; }

  Opening opening(bool write) const {
    Opening out;
    out.address = path();
    out.display = "sqlite:books.db";
    out.write = write;
    out.create = write;
    return out;
  }

 private:
  std::filesystem::path directory_;
};

/// What a user of the sqlite3 shell sees: columns joined by `|`, rows by a newline.
inline std::string shell(const Scratch& scratch, const std::string& sql) {
  sqlite3* database = nullptr;
  if (sqlite3_open(scratch.path().c_str(), &database) != SQLITE_OK) std::abort();
  register_decimal_sum(database);
  std::string out;
  char* message = nullptr;
  const int code = sqlite3_exec(
      database, sql.c_str(),
      [](void* to, int count, char** values, char**) {
        std::string& text = *static_cast<std::string*>(to);
        if (!text.empty()) text += '\n';
        for (int i = 0; i < count; ++i) {
          text += (i == 0 ? "" : "|") + std::string(values[i] == nullptr ? "" : values[i]);
        }
        return 0;
      },
      &out, &message);
  if (code != SQLITE_OK) out = "error: " + std::string(message == nullptr ? "?" : message);
  sqlite3_free(message);
  sqlite3_close(database);
  return out;
}

}  // namespace ledger::sql
