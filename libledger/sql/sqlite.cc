#include "sql/sqlite.h"

#include <cerrno>
#include <filesystem>

namespace ledger::sql {

Result<Sqlite> Sqlite::open(const Opening& opening) {
  Sqlite out;
  out.display_ = opening.display;
  out.debug_ = opening.debug;
  const int flags = SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_NOMUTEX |
                    (!opening.write   ? SQLITE_OPEN_READONLY
                     : opening.create ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
                                      : SQLITE_OPEN_READWRITE);
  sqlite3* opened = nullptr;
  const int code = sqlite3_open_v2(opening.address.c_str(), &opened, flags, nullptr);
  out.database_.reset(opened);
  if (opening.write && opening.create) {
    const std::filesystem::path directory =
        std::filesystem::absolute(opening.address).parent_path();
    std::error_code unreadable;
    out.may_not_make_ = std::filesystem::is_directory(directory, unreadable);
  }
  if (code != SQLITE_OK) return tl::unexpected(out.error(code, "open"));
  // A file may have been made by anybody: its views and triggers may call nothing unsafe, and
  // nobody writes to its schema but by SQL.
  for (const int setting : {SQLITE_DBCONFIG_DEFENSIVE, SQLITE_DBCONFIG_ENABLE_TRIGGER}) {
    sqlite3_db_config(opened, setting, setting == SQLITE_DBCONFIG_DEFENSIVE ? 1 : 0, nullptr);
  }
  sqlite3_db_config(opened, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_busy_timeout(opened, static_cast<int>(opening.lock_timeout / Duration(1'000'000)));
  if (register_decimal_sum(opened) != SQLITE_OK) {
    return tl::unexpected(out.error(SQLITE_ERROR, "decimal_sum"));
  }
  return out;
}

Result<Statement> Sqlite::prepare(std::string_view sql) const {
  sqlite3_stmt* prepared = nullptr;
  const int code = sqlite3_prepare_v3(get(), sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &prepared, nullptr);
  if (code != SQLITE_OK) return tl::unexpected(error(code, sql));
  return Statement(prepared);
}

Result<bool> Sqlite::step(const Statement& statement) const {
  const int code = sqlite3_step(statement.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return tl::unexpected(error(code, sqlite3_sql(statement.get())));
}

Result<void> Sqlite::run(std::string_view sql) const {
  const std::string text(sql);
  const int code = sqlite3_exec(get(), text.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return tl::unexpected(error(code, sql));
  return {};
}

Result<int64_t> Sqlite::number(std::string_view sql) const {
  const Statement statement = TRY(prepare(sql));
  const bool row = TRY(step(statement));
  return row ? statement.number(0) : 0;
}

Error Sqlite::error(int code, std::string_view doing) const {
  const int system = get() == nullptr ? 0 : sqlite3_system_errno(get());
  if (debug_) {
    debug_(display_ + ": SQLite " + std::to_string(code) + ": " +
           (get() == nullptr ? sqlite3_errstr(code) : sqlite3_errmsg(get())) + " in " +
           std::string(doing));
  }
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return {Code::replay_locked, "another replay holds " + display_,
              "wait, or choose another file"};
    case SQLITE_CANTOPEN:
      // Where it may not make the file, SQLite tries once more without making it: ENOENT as well.
      if ((system == ENOENT || system == ENOTDIR) && !may_not_make_) {
        return {Code::no_such_file, display_ + " does not exist", "check the path"};
      }
      [[fallthrough]];
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_READONLY:
      return {Code::file_permission, display_ + " cannot be opened for what was asked",
              "check the rights of the file and of its directory"};
    case SQLITE_FULL:
      return {Code::no_space, "no room for " + display_, "free space; it goes on from there"};
    case SQLITE_IOERR:
      if (system == ENOSPC || system == EDQUOT) {
        return {Code::no_space, "no room for " + display_, "free space; it goes on from there"};
      }
      return {Code::io, "reading or writing " + display_ + " failed", "check the disk"};
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return {Code::database_mismatch, display_ + " is damaged, or no SQLite database",
              "choose another file; the log has everything"};
    case SQLITE_SCHEMA:
    case SQLITE_ERROR:
      return {Code::database_mismatch, "the tables in " + display_ + " are not as replay made them",
              "choose another file, or `replay run --rebuild --yes`"};
    default:
      return {Code::internal,
              "SQLite answers " + std::to_string(code) + " (" + sqlite3_errstr(code) + ") for " +
                  display_,
              "report it with -vv"};
  }
}

}  // namespace ledger::sql
