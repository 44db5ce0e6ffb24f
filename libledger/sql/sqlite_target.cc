#include <cassert>
#include <map>
#include <vector>

#include "base/time.h"
#include "sql/cells.h"
#include "sql/sqlite.h"
#include "sql/target.h"

namespace ledger::sql {
namespace {

/// So many rows are inserted by one statement: half the cost of one at a time.
constexpr size_t statement_rows = 100;
/// The longest value that we make as text ourselves: an amount.
constexpr size_t slot_bytes = 40;

constexpr std::string_view now_sql = "strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000000Z'";

std::string column_list(const Table& table) {
  std::string out;
  for (const Column& column : table.columns) {
    out += (out.empty() ? "" : ", ") + std::string(column.name);
  }
  return out;
}

/// `INSERT INTO … VALUES (…), (…)`, and for merging what to do with a row that is there.
std::string insert_sql(const Table& table, size_t rows, bool merge) {
  std::string one = "(?";
  for (size_t i = 1; i < table.columns.size(); ++i) one += ",?";
  one += ")";
  std::string out =
      "INSERT INTO " + std::string(table.name) + " (" + column_list(table) + ") VALUES " + one;
  for (size_t i = 1; i < rows; ++i) out += "," + one;
  if (!merge) return out;
  out += " ON CONFLICT (" + std::string(table.columns[0].name) + ") DO UPDATE SET ";
  for (size_t i = table.key; i < table.columns.size(); ++i) {
    const std::string column(table.columns[i].name);
    out += (i == table.key ? "" : ", ") + column + " = excluded." + column;
  }
  return out;
}

enum class Owner : uint8_t { nobody, us, other };

/// Whose file it is. One without tables is ours to take, unless somebody has put his mark on it.
Result<Owner> owner_of(const Sqlite& database) {
  const int64_t application = TRY(database.number("PRAGMA application_id"));
  const int64_t objects =
      TRY(database.number("SELECT count(*) FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' "
                          "ESCAPE '\\'"));
  const bool ours = application == sqlite_application_id;
  if (objects == 0 && (ours || application == 0)) return Owner::nobody;
  return ours ? Owner::us : Owner::other;
}

/// Binds values, and keeps what it made of them alive until the statement has run.
class Binder {
 public:
  void reset() { used_ = 0; }

  void bind(Statement& statement, int at, const Value& value, Type type, Amounts amounts) {
    if (std::holds_alternative<std::monostate>(value)) return statement.bind_null(at);
    switch (type) {
      case Type::offset:
      case Type::integer:
      case Type::small:
      case Type::boolean:
        return statement.bind(at, std::get<int64_t>(value));
      case Type::amount: {
        const Int128 amount = std::get<Int128>(value);
        if (amounts == Amounts::text) return bind_slot(statement, at, format_integer(amount));
        assert(amount <= INT64_MAX && amount >= -INT64_MAX);  // the projection saw to it
        return statement.bind(at, static_cast<int64_t>(amount));
      }
      case Type::id: {
        char* slot = take();
        write_id(slot, std::get<Id>(value));
        return statement.bind(at, std::string_view(slot, id_text_bytes));
      }
      case Type::time: {
        char* slot = take();
        times_.write(slot, {std::get<int64_t>(value)});
        return statement.bind(at, std::string_view(slot, time_text_bytes));
      }
      case Type::text:
      case Type::json:
        return statement.bind(at, std::get<std::string_view>(value));
      case Type::bytes:
        return statement.bind_bytes(at, std::get<std::string_view>(value));
    }
  }

 private:
  using Slot = std::array<char, slot_bytes>;

  char* take() {
    assert(used_ < slots_.size());
    return slots_[used_++].data();
  }
  void bind_slot(Statement& statement, int at, const std::string& text) {
    assert(text.size() <= slot_bytes);
    char* slot = take();
    statement.bind(at, std::string_view(slot, text.copy(slot, slot_bytes)));
  }

  std::vector<Slot> slots_ = std::vector<Slot>(statement_rows * 12);
  size_t used_ = 0;
  TimeWriter times_;
};

class SqliteReader : public Reader {
 public:
  SqliteReader(const Sqlite& database, const Table& table, Statement statement)
      : database_(database), table_(table), statement_(std::move(statement)) {}

  Result<bool> next(Cells& row) override {
    const bool there = TRY(database_.step(statement_));
    if (!there) return false;
    row.resize(table_.columns.size());
    for (size_t i = 0; i < row.size(); ++i) row[i] = read(static_cast<int>(i), table_.columns[i]);
    return true;
  }

 private:
  std::optional<std::string> read(int at, const Column& column) const {
    if (statement_.is_null(at)) return std::nullopt;
    if (column.type == Type::bytes) return hex(statement_.bytes(at));
    if (column.type == Type::boolean) return statement_.number(at) != 0 ? "true" : "false";
    return statement_.text(at);
  }

  const Sqlite& database_;
  const Table& table_;
  Statement statement_;
};

class SqliteTarget : public Target {
 public:
  SqliteTarget(Sqlite database, Opening opening)
      : database_(std::move(database)), opening_(std::move(opening)) {}

  const std::string& display() const override { return opening_.display; }
  Amounts amounts(Amounts wanted) const override { return wanted; }
  Duration time_resolution() const override { return Duration(1); }

  /// There is no lock row: the guard of `move` decides, and a second writer waits in `begin`.
  Result<void> lock() override { return {}; }

  Result<void> begin(Access access) override {
    return database_.run(access == Access::write ? "BEGIN IMMEDIATE" : "BEGIN");
  }

  Result<void> commit() override { return database_.run("COMMIT"); }

  void rollback() override {
    if (sqlite3_get_autocommit(database_.get()) == 0) (void)database_.run("ROLLBACK");
  }

  Result<std::optional<Watermark>> look() override;
  Result<std::unique_ptr<Reader>> read(const Table& table) override;
  Result<void> create(const Watermark& watermark) override;
  Result<void> drop() override;
  Result<bool> move(Offset from, const Watermark& to) override;
  Result<void> insert(const Rows& rows) override { return write(rows, false); }
  Result<void> merge(const Rows& balances) override { return write(balances, true); }

 private:
  struct Prepared {
    Statement many;  ///< For statement_rows rows.
    Statement one;
  };

  Result<void> write(const Rows& rows, bool merge);
  Result<Prepared*> prepared(const Table& table, bool merge);
  /// Runs `statement`, which takes `count` rows, for those from `first` on; a result code.
  int execute(Statement& statement, const Rows& rows, size_t first, size_t count);
  Result<Watermark> read_watermark();
  Error foreign(std::string why) const {
    return {Code::database_mismatch, opening_.display + " " + std::move(why),
            "choose another file"};
  }

  Sqlite database_;
  Opening opening_;
  Amounts amounts_ = Amounts::integer;
  Binder binder_;
  std::map<std::pair<std::string_view, bool>, Prepared> statements_;
};

Result<std::optional<Watermark>> SqliteTarget::look() {
  const Owner owner = TRY(owner_of(database_));
  if (owner == Owner::nobody) return std::nullopt;
  if (owner == Owner::other) return tl::unexpected(foreign("belongs to another application"));
  const int64_t version = TRY(database_.number("PRAGMA user_version"));
  if (version > schema_version) {
    return fail(Code::schema_too_new,
                "target schema " + std::to_string(version) + ", this build knows up to " +
                    std::to_string(schema_version),
                "upgrade");
  }
  return TRY(read_watermark());
}

Result<Watermark> SqliteTarget::read_watermark() {
  const Statement statement = TRY(database_.prepare(
      "SELECT name, cluster_id, schema_version, first_offset, raw, next_offset, last_id, "
      "last_recorded_ns, state_digest, amounts, "
      "CAST((julianday('now') - julianday(updated_at)) * 86400000 AS INTEGER) FROM replay"));
  const bool there = TRY(database_.step(statement));
  if (!there) return tl::unexpected(foreign("has no row in replay"));
  Watermark out;
  out.name = statement.text(0);
  const auto cluster = parse_id(statement.text(1));
  if (!cluster) return tl::unexpected(foreign("names no cluster in replay"));
  out.cluster = *cluster;
  out.schema_version = static_cast<int>(statement.number(2));
  out.first_offset = Offset(static_cast<uint64_t>(statement.number(3)));
  out.raw = statement.number(4) != 0;
  out.next_offset = Offset(static_cast<uint64_t>(statement.number(5)));
  if (!statement.is_null(6)) out.last_id = parse_id(statement.text(6));
  if (!statement.is_null(7)) out.last_recorded = Time{statement.number(7)};
  const Bytes digest = statement.bytes(8);
  if (digest.size() != out.state_digest.size()) {
    return tl::unexpected(foreign("has no digest in replay"));
  }
  std::copy(digest.begin(), digest.end(), out.state_digest.begin());
  amounts_ = out.amounts = statement.text(9) == "text" ? Amounts::text : Amounts::integer;
  out.age_ms = statement.number(10);
  const bool more = TRY(database_.step(statement));
  if (more) return tl::unexpected(foreign("has more than one row in replay"));
  return out;
}

Result<std::unique_ptr<Reader>> SqliteTarget::read(const Table& table) {
  std::string order(table.columns[0].name);
  for (size_t i = 1; i < table.key; ++i) order += ", " + std::string(table.columns[i].name);
  Statement statement = TRY(database_.prepare("SELECT " + column_list(table) + " FROM " +
                                              std::string(table.name) + " ORDER BY " + order));
  return std::make_unique<SqliteReader>(database_, table, std::move(statement));
}

Result<void> SqliteTarget::create(const Watermark& watermark) {
  amounts_ = watermark.amounts;
  assert(amounts_ != Amounts::numeric);
  for (const std::string& sql : sqlite_ddl(amounts_ == Amounts::text)) TRY(database_.run(sql));
  Statement statement = TRY(
      database_.prepare("INSERT INTO replay (name, cluster_id, schema_version, first_offset, raw, "
                        "next_offset, state_digest, amounts, updated_at) "
                        "VALUES (?, ?, ?, ?, ?, 0, zeroblob(32), ?, " +
                        std::string(now_sql) + ")"));
  const std::string cluster = watermark.cluster.text();
  statement.bind(1, watermark.name);
  statement.bind(2, std::string_view(cluster));
  statement.bind(3, int64_t{schema_version});
  statement.bind(4, static_cast<int64_t>(watermark.first_offset.value));
  statement.bind(5, int64_t{watermark.raw});
  statement.bind(6, name(amounts_));
  TRY(database_.step(statement));
  return {};
}

Result<void> SqliteTarget::drop() {
  statements_.clear();
  for (const std::string& sql : sqlite_drop()) TRY(database_.run(sql));
  return {};
}

Result<bool> SqliteTarget::move(Offset from, const Watermark& to) {
  Statement statement = TRY(database_.prepare(
      "UPDATE replay SET next_offset = ?, last_id = ?, last_recorded_ns = ?, "
      "state_digest = ?, updated_at = " +
      std::string(now_sql) + " WHERE name = ? AND cluster_id = ? AND next_offset = ?"));
  const std::string last = to.last_id ? to.last_id->text() : "";
  const std::string cluster = to.cluster.text();
  statement.bind(1, static_cast<int64_t>(to.next_offset.value));
  if (to.last_id) statement.bind(2, std::string_view(last));
  if (to.last_recorded) statement.bind(3, to.last_recorded->ns);
  statement.bind_bytes(
      4, Bytes(reinterpret_cast<const char*>(to.state_digest.data()), to.state_digest.size()));
  statement.bind(5, to.name);
  statement.bind(6, std::string_view(cluster));
  statement.bind(7, static_cast<int64_t>(from.value));
  TRY(database_.step(statement));
  return sqlite3_changes(database_.get()) == 1;
}

Result<SqliteTarget::Prepared*> SqliteTarget::prepared(const Table& table, bool merge) {
  Prepared& out = statements_[{table.name, merge}];
  if (!out.many) out.many = TRY(database_.prepare(insert_sql(table, statement_rows, merge)));
  if (!out.one) out.one = TRY(database_.prepare(insert_sql(table, 1, merge)));
  return &out;
}

int SqliteTarget::execute(Statement& statement, const Rows& rows, size_t first, size_t count) {
  binder_.reset();
  const size_t width = rows.table->columns.size();
  int at = 1;
  for (size_t i = first * width; i < (first + count) * width; ++i, ++at) {
    binder_.bind(statement, at, rows.values[i], rows.table->columns[i % width].type, amounts_);
  }
  const int code = sqlite3_step(statement.get());
  sqlite3_reset(statement.get());
  return code;
}

Result<void> SqliteTarget::write(const Rows& rows, bool merge) {
  if (rows.count() == 0) return {};
  Prepared* const statement = TRY(prepared(*rows.table, merge));
  for (size_t first = 0; first < rows.count();) {
    size_t count = statement_rows;
    int code = SQLITE_CONSTRAINT;
    if (rows.count() - first >= count) code = execute(statement->many, rows, first, count);
    if ((code & 0xff) == SQLITE_CONSTRAINT) {
      // What is left over; or one of many was refused, none was written, and we ask which.
      count = 1;
      code = execute(statement->one, rows, first, count);
    }
    if ((code & 0xff) == SQLITE_CONSTRAINT) {
      (void)database_.error(code, insert_sql(*rows.table, 1, merge));  // for -vv
      return tl::unexpected(row_refused(rows, first));
    }
    if (code != SQLITE_DONE) return tl::unexpected(database_.error(code, rows.table->name));
    first += count;
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Target>> open_sqlite(Opening opening) {
  Sqlite database = TRY(Sqlite::open(opening));
  const Owner owner = TRY(owner_of(database));
  if (opening.write && owner != Owner::other) {  // `look` refuses others' files as they are
    const Statement mode = TRY(database.prepare("PRAGMA journal_mode = WAL"));
    TRY(database.step(mode));
    // Where there can be no WAL, FULL would not sync the end of a commit.
    const bool wal = mode.text(0) == "wal";
    TRY(database.run(std::string("PRAGMA synchronous = ") + (wal ? "FULL" : "EXTRA") +
                     "; PRAGMA cache_size = -16384"));
  }
  return std::make_unique<SqliteTarget>(std::move(database), std::move(opening));
}

}  // namespace ledger::sql
