// SQLite's handles as values, and its result codes as our errors.
#pragma once

#include <sqlite3.h>

#include <memory>
#include <string>

#include "base/result.h"
#include "base/types.h"
#include "sql/target.h"

namespace ledger::sql {

/// A prepared statement. After `step` says that there is a row, its columns can be read.
class Statement {
 public:
  Statement() = default;
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}

  sqlite3_stmt* get() const { return statement_.get(); }
  explicit operator bool() const { return statement_ != nullptr; }

  void bind(int at, int64_t value) { sqlite3_bind_int64(get(), at, value); }
  /// Borrowed until the next step.
  void bind(int at, std::string_view text) {
    sqlite3_bind_text64(get(), at, text.empty() ? "" : text.data(), text.size(), SQLITE_STATIC,
                        SQLITE_UTF8);
  }
  void bind_bytes(int at, Bytes bytes) {
    sqlite3_bind_blob64(get(), at, bytes.empty() ? "" : bytes.data(), bytes.size(), SQLITE_STATIC);
  }
  void bind_null(int at) { sqlite3_bind_null(get(), at); }

  bool is_null(int at) const { return sqlite3_column_type(get(), at) == SQLITE_NULL; }
  int64_t number(int at) const { return sqlite3_column_int64(get(), at); }
  /// Valid until the next step.
  Bytes bytes(int at) const {
    const auto* data = static_cast<const char*>(sqlite3_column_blob(get(), at));
    return data == nullptr ? Bytes() : Bytes(data, size_t(sqlite3_column_bytes(get(), at)));
  }
  std::string text(int at) const {
    const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(get(), at));
    return data == nullptr ? "" : std::string(data, size_t(sqlite3_column_bytes(get(), at)));
  }

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

/// An open file. `decimal_sum()` is known on it, and nothing that a file says is trusted beyond
/// its tables (SQLITE_DBCONFIG_DEFENSIVE and the like).
class Sqlite {
 public:
  static Result<Sqlite> open(const Opening& opening);

  sqlite3* get() const { return database_.get(); }

  Result<Statement> prepare(std::string_view sql) const;
  /// True while there are rows.
  Result<bool> step(const Statement& statement) const;
  /// Runs statements that give no rows.
  Result<void> run(std::string_view sql) const;
  /// The first column of the first row, which must be there.
  Result<int64_t> number(std::string_view sql) const;

  /// What the last call's result code means for the caller.
  Error error(int code, std::string_view doing) const;

 private:
  struct Close {
    void operator()(sqlite3* database) const { sqlite3_close_v2(database); }
  };
  std::unique_ptr<sqlite3, Close> database_;
  std::string display_;
  std::function<void(std::string_view)> debug_;
  bool may_not_make_ = false;  ///< The file was to be made, in a directory that is there.
};

/// Registers `decimal_sum(TEXT)`: the exact sum of decimal numbers as text, as an aggregate and
/// over a window; what the function of that name in the sqlite3 shell gives. Nothing for no rows;
/// an error for what is no decimal number.
int register_decimal_sum(sqlite3* database);

}  // namespace ledger::sql
