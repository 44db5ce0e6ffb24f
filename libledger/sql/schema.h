// The tables and views of a projection, as data: both databases are made from one list.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/id.h"
#include "base/int128.h"
#include "base/types.h"

namespace ledger::sql {

/// Stored with each projection. A program refuses a newer one.
constexpr int schema_version = 1;
/// `PRAGMA application_id` of our SQLite files: "LEDG".
constexpr int sqlite_application_id = 0x4c454447;

/// What a column holds, and so how it is bound, copied and compared.
enum class Type : uint8_t {
  offset,   ///< A position in the log, or another 64-bit number.
  integer,  ///< 32 bits.
  small,    ///< 16 bits.
  boolean,
  amount,  ///< Minor units: numeric(39,0), or INTEGER or TEXT by the file's choice.
  id,
  time,
  text,
  json,
  bytes,
};

struct Column {
  std::string_view name;
  Type type = Type::text;
  std::string_view postgres;  ///< Its declaration after the name.
  std::string_view sqlite;    ///< The same; AMOUNT stands for the type of amounts.
  std::string_view comment;
};

struct Table {
  std::string_view name;
  std::string_view comment;
  std::span<const Column> columns;
  size_t key = 1;                       ///< So many first columns are the primary key.
  std::string_view postgres_rest = {};  ///< Constraints of the table, each behind a comma.
  std::string_view postgres_tail = {};  ///< After the closing bracket.
  std::string_view sqlite_rest = {};
  std::string_view sqlite_tail = {};
  std::span<const std::string_view> postgres_indexes = {};  ///< Whole statements.
  std::span<const std::string_view> sqlite_indexes = {};
};

/// The tables that rows are written to. The watermark stands in one more, `replay`.
enum class TableName : uint8_t {
  assets,
  accounts,
  balances,
  transactions,
  transfers,
  rejections,
  records,
};
constexpr size_t table_count = 7;

const Table& table(TableName name);
const Table& replay_table();

struct ViewColumn {
  std::string_view name;
  std::string_view comment;
};

struct View {
  std::string_view name;
  std::string_view comment;
  std::span<const ViewColumn> columns;
  std::string_view postgres;
  std::string_view sqlite;  ///< AMOUNT and SUM stand for the type of amounts and their sum.
};

/// In the order in which they can be created.
std::span<const View> views();

/// The statements that make an empty PostgreSQL schema, which is the search path, into a
/// projection, comments and all, but for the row of `replay`.
std::vector<std::string> postgres_ddl();
/// The same for SQLite; comments stand inside the statements, where `.schema` shows them.
std::vector<std::string> sqlite_ddl(bool amounts_as_text);

/// The statements that take away exactly what the above made.
std::vector<std::string> postgres_drop();
std::vector<std::string> sqlite_drop();

/// A value on its way into a column. Text and bytes are borrowed. By the column's type: a number
/// for offset, integer, small and boolean, nanoseconds since 1970 for a time.
using Value = std::variant<std::monostate, int64_t, Int128, Id, std::string_view>;

/// Rows of one table, one after the other, each with all columns in order.
struct Rows {
  const Table* table = nullptr;
  std::vector<Value> values = {};

  size_t count() const { return values.size() / table->columns.size(); }
  std::span<const Value> row(size_t i) const {
    return std::span(values).subspan(i * table->columns.size(), table->columns.size());
  }
};

}  // namespace ledger::sql
