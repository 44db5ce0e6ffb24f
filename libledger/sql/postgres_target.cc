// A target in PostgreSQL: the module postgres.so, loaded when one is used (sql/open.h).
#include <charconv>
#include <memory>
#include <utility>

#include "sql/cells.h"
#include "sql/copy.h"
#include "sql/driver.h"
#include "sql/postgres_connection.h"
#include "sql/target.h"

namespace ledger::sql {
namespace {

/// How much of a COPY is gathered before it is sent.
constexpr size_t copy_chunk_bytes = 256 << 10;
constexpr int fetch_rows = 2000;

constexpr std::string_view lock_key = "hashtextextended(concat('ledgerctl replay ', $1::text), 0)";

std::string column_list(const Table& table) {
  std::string out;
  for (const Column& column : table.columns) {
    out += (out.empty() ? "" : ", ") + std::string(column.name);
  }
  return out;
}

/// A column as the text of a cell.
std::string cell_sql(const Column& column) {
  const std::string name(column.name);
  if (column.type == Type::bytes) return "encode(" + name + ", 'hex')";
  if (column.type != Type::time) return name + "::text";
  return "CASE WHEN isfinite(" + name + ") THEN to_char(" + name +
         " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') ELSE " + name + "::text END";
}

class PostgresReader : public Reader {
 public:
  /// `from` is the table's whole name, `name` the cursor's.
  PostgresReader(pqxx::transaction_base& transaction, const Faults& faults, const Table& table,
                 const std::string& from, std::string name)
      : transaction_(transaction), faults_(faults), name_(std::move(name)) {
    std::string cells;
    std::string order;
    for (size_t i = 0; i < table.columns.size(); ++i) {
      const Column& column = table.columns[i];
      cells += (i == 0 ? "" : ", ") + cell_sql(column);
      if (i >= table.key) continue;
      // Of the table, not of the output, whose columns have the same names and are text.
      order += (i == 0 ? "t." : ", t.") + std::string(column.name);
      if (column.type == Type::text) order += " COLLATE \"C\"";
    }
    transaction_.exec0("DECLARE " + name_ + " NO SCROLL CURSOR FOR SELECT " + cells + " FROM " +
                       from + " AS t ORDER BY " + order);
  }

  Result<bool> next(Cells& row) override {
    if (at_ == rows_.size()) {
      if (ended_) return false;
      try {
        rows_ = transaction_.exec("FETCH " + std::to_string(fetch_rows) + " FROM " + name_);
      } catch (...) {
        return tl::unexpected(faults_.current());
      }
      at_ = 0;
      ended_ = rows_.size() < static_cast<size_t>(fetch_rows);
      if (rows_.empty()) return false;
    }
    const pqxx::row from = rows_[at_++];
    row.resize(from.size());
    for (pqxx::row::size_type i = 0; i < from.size(); ++i) {
      const pqxx::field field = from[i];
      if (field.is_null()) {
        row[i].reset();
      } else {
        row[i].emplace(field.c_str(), field.size());
      }
    }
    return true;
  }

 private:
  pqxx::transaction_base& transaction_;
  const Faults& faults_;
  std::string name_;
  pqxx::result rows_;
  pqxx::result::size_type at_ = 0;
  bool ended_ = false;
};

class PostgresTarget : public Target {
 public:
  /// Throws what libpqxx throws.
  explicit PostgresTarget(Opening opening)
      : opening_(std::move(opening)), faults_(opening_), connection_(opening_) {}

  const std::string& display() const override { return opening_.display; }
  Amounts amounts(Amounts) const override { return Amounts::numeric; }
  Duration time_resolution() const override { return Duration(1000); }

  Result<void> lock() override;
  Result<void> begin(Access access) override;
  Result<void> commit() override;
  void rollback() override { transaction_.reset(); }
  Result<std::optional<Watermark>> look() override;
  Result<std::unique_ptr<Reader>> read(const Table& table) override;
  Result<void> create(const Watermark& watermark) override;
  Result<void> drop() override;
  Result<bool> move(Offset from, const Watermark& to) override;
  Result<void> insert(const Rows& rows) override { return copy(rows, ours(rows.table->name)); }
  Result<void> merge(const Rows& balances) override;
  bool answers(Duration limit) const override { return is_alive(opening_, limit); }
  void abandon() override { connection_.cut(); }

 private:
  /// Runs `work`, and makes an error of what it throws.
  template <class Work>
  auto guarded(Work work) -> decltype(work()) {
    try {
      return work();
    } catch (...) {
      return tl::unexpected(faults_.current());
    }
  }

  void set_up();
  Result<void> run(const std::vector<std::string>& statements);
  Error locked_by_whom();
  Result<Watermark> read_watermark();
  Result<void> copy(const Rows& rows, const std::string& into);
  Result<void> send(std::string& chunk);
  /// What the server said about a COPY that failed.
  Error copy_error(const PGresult* result, const Rows& rows);
  /// A table of ours with its schema: what may not be used is then not allowed, instead of missing.
  std::string ours(std::string_view table) const {
    return "\"" + opening_.schema + "\"." + std::string(table);
  }
  Error foreign(std::string why) const {
    return {Code::database_mismatch,
            "schema " + opening_.schema + " of " + opening_.display + " " + std::move(why),
            "another database, or --schema"};
  }

  Opening opening_;
  Faults faults_;
  Connection connection_;
  std::unique_ptr<pqxx::transaction_base> transaction_;
  bool set_up_ = false;
  bool staged_ = false;  ///< In this transaction.
  int cursors_ = 0;
};

/// Settles what the database, the role or the URI may have set otherwise, before the first
/// statement of ours: no earlier, so that whoever watches over the calls watches over this too.
/// Throws.
void PostgresTarget::set_up() {
  if (std::exchange(set_up_, true)) return;
  pqxx::nontransaction setup(connection_);
  // The schema's name is of plain characters (parse_target).
  setup.exec0("SET search_path = " + setup.quote_name(opening_.schema));
  for (const char* setting :
       {"synchronous_commit = on", "client_min_messages = warning", "statement_timeout = 0",
        "idle_in_transaction_session_timeout = 0", "lock_timeout = 0"}) {
    setup.exec0(std::string("SET ") + setting);
  }
}

Result<void> PostgresTarget::lock() {
  try {
    set_up();
    pqxx::nontransaction session(connection_);
    const auto wait_ms = std::max<int64_t>(opening_.lock_timeout / Duration(1'000'000), 1);
    session.exec0("SET lock_timeout = " + std::to_string(wait_ms));
    session.exec_params("SELECT pg_advisory_lock(" + std::string(lock_key) + ")", opening_.schema);
    session.exec0("SET lock_timeout = 0");
    return {};
  } catch (...) {
    const Error error = faults_.current();
    return tl::unexpected(error.code == Code::replay_locked ? locked_by_whom() : error);
  }
}

Error PostgresTarget::locked_by_whom() {
  // `ledgerctl (pid 812 on host h) default`; others' names are shown only to those who may see
  // them.
  std::string who;
  try {
    pqxx::nontransaction session(connection_);
    const pqxx::result found = session.exec_params(
        "SELECT a.application_name FROM pg_locks l JOIN pg_stat_activity a USING (pid) "
        "WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND l.database = "
        "(SELECT oid FROM pg_database WHERE datname = current_database()) "
        "AND (l.classid::bigint << 32 | l.objid::bigint) = " +
            std::string(lock_key),
        opening_.schema);
    if (!found.empty() && !found[0][0].is_null()) who = found[0][0].c_str();
  } catch (...) {
    (void)faults_.current();  // for -vv: we are told only that somebody has it
  }
  const size_t open = who.find('(');
  const size_t close = who.find(") ");
  const bool known = open != std::string::npos && close != std::string::npos;
  return {Code::replay_locked,
          "another replay " + (known ? "'" + who.substr(close + 2) + "' " : std::string()) +
              "holds schema " + opening_.schema + " of " + opening_.display +
              (known ? " " + who.substr(open, close + 1 - open) : ""),
          "wait, or another --schema"};
}

Result<void> PostgresTarget::begin(Access access) {
  staged_ = false;
  return guarded([&]() -> Result<void> {
    set_up();
    if (access == Access::write) {
      transaction_ = std::make_unique<pqxx::work>(connection_);
    } else {
      transaction_ =
          std::make_unique<pqxx::transaction<pqxx::repeatable_read, pqxx::read_only>>(connection_);
    }
    return {};
  });
}

Result<void> PostgresTarget::commit() {
  try {
    transaction_->commit();
    transaction_.reset();
    return {};
  } catch (...) {
    return tl::unexpected(faults_.current(true));
  }
}

Result<void> PostgresTarget::run(const std::vector<std::string>& statements) {
  return guarded([&]() -> Result<void> {
    for (const std::string& sql : statements) transaction_->exec0(sql);
    return {};
  });
}

Result<std::optional<Watermark>> PostgresTarget::look() {
  return guarded([&]() -> Result<std::optional<Watermark>> {
    const pqxx::row found = transaction_->exec_params1(
        "SELECT count(*), count(*) FILTER (WHERE c.relname = 'replay' AND c.relkind = 'r') "
        "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1",
        opening_.schema);
    if (found[0].as<int64_t>() == 0) return std::nullopt;
    if (found[1].as<int64_t>() == 0) {
      return tl::unexpected(foreign("has tables, and none of them is replay"));
    }
    const pqxx::result versions =
        transaction_->exec("SELECT schema_version FROM " + ours("replay"));
    if (versions.size() != 1) {
      return tl::unexpected(
          foreign("has " + std::to_string(versions.size()) + " rows in replay instead of one"));
    }
    const int version = versions[0][0].as<int>();
    if (version > schema_version) {
      return fail(Code::schema_too_new,
                  "target schema " + std::to_string(version) + ", this build knows up to " +
                      std::to_string(schema_version),
                  "upgrade");
    }
    return TRY(read_watermark());
  });
}

Result<Watermark> PostgresTarget::read_watermark() {
  const pqxx::row row = transaction_->exec1(
      "SELECT name, cluster_id, schema_version, first_offset, raw, next_offset, last_id, "
      "last_recorded_ns, encode(state_digest, 'hex'), "
      "(extract(epoch FROM clock_timestamp() - updated_at) * 1000)::bigint FROM " +
      ours("replay"));
  Watermark out;
  out.name = row[0].c_str();
  out.cluster = parse_id(row[1].c_str()).value_or(Id{});
  out.schema_version = row[2].as<int>();
  out.amounts = Amounts::numeric;
  out.first_offset = Offset(row[3].as<uint64_t>());
  out.raw = row[4].as<bool>();
  out.next_offset = Offset(row[5].as<uint64_t>());
  if (!row[6].is_null()) out.last_id = parse_id(row[6].c_str());
  if (!row[7].is_null()) out.last_recorded = Time{row[7].as<int64_t>()};
  const std::string_view digest = row[8].c_str();
  if (digest.size() != 2 * out.state_digest.size()) {
    return tl::unexpected(foreign("has no digest in replay"));
  }
  for (size_t i = 0; i < out.state_digest.size(); ++i) {
    std::from_chars(digest.data() + 2 * i, digest.data() + 2 * i + 2, out.state_digest[i], 16);
  }
  out.age_ms = row[9].as<int64_t>();
  return out;
}

Result<std::unique_ptr<Reader>> PostgresTarget::read(const Table& table) {
  return guarded([&]() -> Result<std::unique_ptr<Reader>> {
    return std::make_unique<PostgresReader>(*transaction_, faults_, table, ours(table.name),
                                            "reader_" + std::to_string(++cursors_));
  });
}

Result<void> PostgresTarget::create(const Watermark& watermark) {
  TRY(guarded([&]() -> Result<void> {
    if (const pqxx::row row = transaction_->exec1("SHOW server_encoding");
        std::string_view(row[0].c_str()) != "UTF8") {
      return tl::unexpected(foreign("is encoded as " + std::string(row[0].c_str()) +
                                    ", which cannot hold all that the log can"));
    }
    const pqxx::row exists = transaction_->exec_params1(
        "SELECT count(*) FROM pg_namespace WHERE nspname = $1", opening_.schema);
    if (exists[0].as<int>() == 0) {
      transaction_->exec0("CREATE SCHEMA " + transaction_->quote_name(opening_.schema));
    }
    return {};
  }));
  TRY(run(postgres_ddl()));
  return guarded([&]() -> Result<void> {
    transaction_->exec_params0(
        "INSERT INTO " + ours("replay") +
            " (name, cluster_id, schema_version, first_offset, raw, next_offset, "
            "state_digest, updated_at) VALUES ($1, $2, $3, $4, $5, 0, decode(repeat('00', 32), "
            "'hex'), "
            "now())",
        watermark.name, watermark.cluster.text(), schema_version, watermark.first_offset.value,
        watermark.raw);
    return {};
  });
}

Result<void> PostgresTarget::drop() {
  return run(postgres_drop());
}

Result<bool> PostgresTarget::move(Offset from, const Watermark& to) {
  return guarded([&]() -> Result<bool> {
    std::optional<std::string> last_id;
    if (to.last_id) last_id = to.last_id->text();
    std::optional<int64_t> last_recorded;
    if (to.last_recorded) last_recorded = to.last_recorded->ns;
    const std::string digest =
        hex({reinterpret_cast<const char*>(to.state_digest.data()), to.state_digest.size()});
    const pqxx::result updated =
        transaction_->exec_params("UPDATE " + ours("replay") +
                                      " SET next_offset = $1, last_id = $2, last_recorded_ns = $3, "
                                      "state_digest = decode($4, 'hex'), updated_at = now() "
                                      "WHERE name = $5 AND cluster_id = $6 AND next_offset = $7",
                                  to.next_offset.value, last_id, last_recorded, digest, to.name,
                                  to.cluster.text(), from.value);
    return updated.affected_rows() == 1;
  });
}

Result<void> PostgresTarget::merge(const Rows& balances) {
  if (balances.count() == 0) return {};
  std::string update;
  for (const Column& column : balances.table->columns.subspan(balances.table->key)) {
    const std::string name(column.name);
    update += (update.empty() ? "" : ", ") + name + " = EXCLUDED." + name;
  }
  // Made once a connection: a temporary table in each batch would churn the catalogue.
  TRY(run({"CREATE TEMPORARY TABLE IF NOT EXISTS staged_balances (LIKE " + ours("balances") +
           " INCLUDING DEFAULTS) ON COMMIT DELETE ROWS"}));
  if (staged_) TRY(run({"TRUNCATE staged_balances"}));
  staged_ = true;
  TRY(copy(balances, "staged_balances"));
  return run({"INSERT INTO " + ours("balances") +
              " SELECT * FROM staged_balances ON CONFLICT (account) DO UPDATE SET " + update});
}

Result<void> PostgresTarget::copy(const Rows& rows, const std::string& into) {
  if (rows.count() == 0) return {};
  const std::string sql =
      "COPY " + into + " (" + column_list(*rows.table) + ") FROM STDIN (FORMAT binary)";
  using Answer = std::unique_ptr<PGresult, decltype(&PQclear)>;
  PGconn* const raw = connection_.raw();
  if (const Answer begun(PQexec(raw, sql.c_str()), PQclear);
      PQresultStatus(begun.get()) != PGRES_COPY_IN) {
    return tl::unexpected(copy_error(begun.get(), rows));
  }
  std::string chunk;
  put_copy_header(chunk);
  for (size_t i = 0; i < rows.count(); ++i) {
    put_copy_row(chunk, *rows.table, rows.row(i));
    if (chunk.size() >= copy_chunk_bytes) TRY(send(chunk));
  }
  put_copy_trailer(chunk);
  TRY(send(chunk));
  if (PQputCopyEnd(raw, nullptr) != 1) return tl::unexpected(copy_error(nullptr, rows));
  std::optional<Error> error;
  for (;;) {
    const Answer answer(PQgetResult(raw), PQclear);
    if (!answer) break;
    if (PQresultStatus(answer.get()) != PGRES_COMMAND_OK) error = copy_error(answer.get(), rows);
  }
  if (error) return tl::unexpected(*std::move(error));
  return {};
}

Result<void> PostgresTarget::send(std::string& chunk) {
  if (PQputCopyData(connection_.raw(), chunk.data(), static_cast<int>(chunk.size())) != 1) {
    return tl::unexpected(faults_.of("08006", PQerrorMessage(connection_.raw())));
  }
  chunk.clear();
  return {};
}

Error PostgresTarget::copy_error(const PGresult* result, const Rows& rows) {
  const char* state = result == nullptr ? nullptr : PQresultErrorField(result, PG_DIAG_SQLSTATE);
  if (state == nullptr || PQstatus(connection_.raw()) == CONNECTION_BAD) {
    return faults_.of("08006", PQerrorMessage(connection_.raw()));
  }
  const Error error = faults_.of(state, PQresultErrorMessage(result));
  if (!std::string_view(state).starts_with("23")) return error;
  // Which row it was is told in words of the server's language, with the number of its line:
  // `COPY transactions, line 7`.
  const char* context = PQresultErrorField(result, PG_DIAG_CONTEXT);
  const std::string_view words = context == nullptr ? "" : context;
  const size_t digit = std::min(words.find_first_of("0123456789"), words.size());
  size_t line = 0;
  std::from_chars(words.data() + digit, words.data() + words.size(), line);
  return row_refused(rows, line >= 1 && line <= rows.count() ? line - 1 : 0);
}

}  // namespace
}  // namespace ledger::sql

/// The module's border.
extern "C" __attribute__((visibility("default"))) ledger::sql::Target* ledgerctl_postgres_target_1(
    const ledger::sql::Opening* opening, ledger::Error* error) {
  try {
    return new ledger::sql::PostgresTarget(*opening);
  } catch (...) {
    *error = ledger::sql::Faults(*opening).current();
    if (error->code == ledger::Code::database_unreachable) {
      error->message = "cannot connect to " + opening->display;
      error->hint = "check with psql";
    }
    return nullptr;
  }
}
