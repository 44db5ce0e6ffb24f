#include <doctest/doctest.h>
#include <sqlite3.h>

#include <string>

#include "sql/sqlite.h"

namespace ledger::sql {
namespace {

/// The first column of all rows of `sql`, joined by commas; `error` if it fails.
std::string ask(const std::string& sql) {
  sqlite3* database = nullptr;
  REQUIRE(sqlite3_open(":memory:", &database) == SQLITE_OK);
  REQUIRE(register_decimal_sum(database) == SQLITE_OK);
  std::string out;
  const int code = sqlite3_exec(
      database, sql.c_str(),
      [](void* to, int, char** values, char**) {
        std::string& text = *static_cast<std::string*>(to);
        text += (text.empty() ? "" : ",") + std::string(values[0] == nullptr ? "null" : values[0]);
        return 0;
      },
      &out, nullptr);
  sqlite3_close(database);
  return code == SQLITE_OK ? out : "error";
}

std::string sum(const std::string& rows) {
  return ask("SELECT decimal_sum(column1) FROM (VALUES " + rows + ")");
}

}  // namespace

TEST_CASE("decimal_sum adds exactly, beyond 128 bits too") {
  CHECK(sum("('1'),('2')") == "3");
  CHECK(sum("('5'),('-5')") == "0");
  CHECK(sum("('-7'),('2')") == "-5");
  CHECK(sum("(1),(-3)") == "-2");
  CHECK(sum("('1.50'),('-0.5')") == "1.00");
  CHECK(sum("('0.05'),('-0.1')") == "-0.05");
  CHECK(sum("('170141183460469231731687303715884105727'),"
            "('170141183460469231731687303715884105727'),"
            "('170141183460469231731687303715884105727')") ==
        "510423550381407695195061911147652317181");
  CHECK(sum("('-170141183460469231731687303715884105727'),"
            "('-170141183460469231731687303715884105727'),"
            "('-170141183460469231731687303715884105727')") ==
        "-510423550381407695195061911147652317181");
}

TEST_CASE("decimal_sum leaves nulls out and is null over nothing") {
  CHECK(sum("('1'),(null),('2')") == "3");
  CHECK(sum("(null)") == "null");
  CHECK(ask("SELECT decimal_sum(1) WHERE 0") == "null");
}

TEST_CASE("decimal_sum refuses what is no decimal number instead of guessing") {
  for (const char* row : {"('abc')", "('')", "('.5')", "('5.')", "('1e3')", "('-')", "('1 ')"}) {
    CHECK(sum(row) == "error");
  }
}

TEST_CASE("decimal_sum runs over a window, whose start may move") {
  const std::string rows = "(VALUES ('5',1),('-5',2),('0.3',3),('4',4))";
  CHECK(ask("SELECT decimal_sum(column1) OVER (ORDER BY column2) FROM " + rows) == "5,0,0.3,4.3");
  CHECK(ask("SELECT decimal_sum(column1) OVER (ORDER BY column2 ROWS 1 PRECEDING) FROM " + rows) ==
        "5,0,-4.7,4.3");
}

}  // namespace ledger::sql
