#include "sql/schema.h"

namespace ledger::sql {
namespace {

std::string quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') out += '\'';
    out += c;
  }
  return out + "'";
}

std::string comment_on(std::string_view what, std::string name, std::string_view text) {
  return "COMMENT ON " + std::string(what) + " " + name + " IS " + quoted(text);
}

/// All tables that hold something, the watermark first.
std::vector<const Table*> all_tables() {
  std::vector<const Table*> out{&replay_table()};
  for (size_t i = 0; i < table_count; ++i) out.push_back(&table(static_cast<TableName>(i)));
  return out;
}

std::string postgres_create(const Table& table) {
  std::string out = "CREATE TABLE " + std::string(table.name) + " (";
  const char* comma = "\n  ";
  for (const Column& column : table.columns) {
    if (column.postgres.empty()) continue;  // SQLite alone has it.
    out += comma + std::string(column.name) + " " + std::string(column.postgres);
    comma = ",\n  ";
  }
  return out + std::string(table.postgres_rest) + ") " + std::string(table.postgres_tail);
}

/// Fills in what depends on how amounts are stored.
std::string sqlite_text(std::string_view sql, bool amounts_as_text) {
  std::string out(sql);
  const auto replace = [&out](std::string_view from, std::string_view to) {
    for (size_t at = 0; (at = out.find(from, at)) != std::string::npos; at += to.size()) {
      out.replace(at, from.size(), to);
    }
  };
  replace("AMOUNT", amounts_as_text ? "TEXT" : "INTEGER");
  replace("SUM(", amounts_as_text ? "decimal_sum(" : "sum(");
  return out;
}

std::string sqlite_create(const Table& table) {
  std::string out =
      "CREATE TABLE " + std::string(table.name) + " (\n  -- " + std::string(table.comment) + "\n";
  for (size_t i = 0; i < table.columns.size(); ++i) {
    const Column& column = table.columns[i];
    out += (i == 0 ? "  " : ", ") + std::string(column.name) + " " + std::string(column.sqlite) +
           " -- " + std::string(column.comment) + "\n";
  }
  return out + std::string(table.sqlite_rest) + ") " + std::string(table.sqlite_tail);
}

std::string names(const View& view, bool with_comments) {
  std::string out;
  for (const ViewColumn& column : view.columns) {
    if (!out.empty()) out += ", ";
    out += column.name;
    if (with_comments) out += " -- " + std::string(column.comment) + "\n ";
  }
  return out;
}

}  // namespace

std::vector<std::string> postgres_ddl() {
  std::vector<std::string> out;
  for (const Table* table : all_tables()) {
    const std::string name(table->name);
    out.push_back(postgres_create(*table));
    out.insert(out.end(), table->postgres_indexes.begin(), table->postgres_indexes.end());
    out.push_back(comment_on("TABLE", name, table->comment));
    for (const Column& column : table->columns) {
      if (column.postgres.empty()) continue;
      out.push_back(comment_on("COLUMN", name + "." + std::string(column.name), column.comment));
    }
  }
  // Exact: text and exponent, no division.
  out.emplace_back(
      "CREATE FUNCTION major(minor numeric, scale int) RETURNS numeric LANGUAGE sql IMMUTABLE "
      "PARALLEL SAFE AS $$ SELECT (minor::text || 'e-' || scale)::numeric $$");
  out.push_back(comment_on("FUNCTION", "major(numeric, int)",
                           "An amount in minor units as major units: 4000 at scale 2 is 40.00"));
  for (const View& view : views()) {
    const std::string name(view.name);
    out.push_back("CREATE VIEW " + name + " (" + names(view, false) + ") AS" +
                  std::string(view.postgres));
    out.push_back(comment_on("VIEW", name, view.comment));
    for (const ViewColumn& column : view.columns) {
      out.push_back(comment_on("COLUMN", name + "." + std::string(column.name), column.comment));
    }
  }
  return out;
}

std::vector<std::string> sqlite_ddl(bool amounts_as_text) {
  std::vector<std::string> out{
      "PRAGMA application_id = " + std::to_string(sqlite_application_id),
      "PRAGMA user_version = " + std::to_string(schema_version),
  };
  for (const Table* table : all_tables()) {
    out.push_back(sqlite_text(sqlite_create(*table), amounts_as_text));
    out.insert(out.end(), table->sqlite_indexes.begin(), table->sqlite_indexes.end());
  }
  for (const View& view : views()) {
    out.push_back("CREATE VIEW " + std::string(view.name) + " (\n  -- " +
                  std::string(view.comment) + "\n  " + names(view, true) + ") AS" +
                  sqlite_text(view.sqlite, amounts_as_text));
  }
  return out;
}

std::vector<std::string> sqlite_drop() {
  std::vector<std::string> out;
  const std::span<const View> made = views();
  for (auto view = made.rbegin(); view != made.rend(); ++view) {
    out.push_back("DROP VIEW IF EXISTS " + std::string(view->name));
  }
  for (const Table* table : all_tables()) {
    out.push_back("DROP TABLE IF EXISTS " + std::string(table->name));
  }
  return out;
}

std::vector<std::string> postgres_drop() {
  std::vector<std::string> out = sqlite_drop();
  out.emplace_back("DROP FUNCTION IF EXISTS major(numeric, int)");
  return out;
}

}  // namespace ledger::sql
