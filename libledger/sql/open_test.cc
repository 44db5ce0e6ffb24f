#include "sql/open.h"

#include <doctest/doctest.h>

namespace ledger::sql {

TEST_CASE("no password is ever shown") {
  CHECK(redacted("postgresql://db/app") == "postgresql://db/app");
  CHECK(redacted("postgresql://u@db:5432/app") == "postgresql://u@db:5432/app");
  CHECK(redacted("postgresql://u:secret@db:5432/app") == "postgresql://u:***@db:5432/app");
  CHECK(redacted("postgresql://u:s@cr:et@db/app") == "postgresql://u:***@db/app");
  CHECK(redacted("postgresql://u:s/ecret@db/app") == "postgresql://u:***@db/app");
  CHECK(redacted("postgresql://db/app?user=u&password=secret&x=1") ==
        "postgresql://db/app?user=u&password=***&x=1");
  CHECK(redacted("postgresql:///app?password=secret") == "postgresql:///app?password=***");
  CHECK(redacted("postgresql:///app?sslpassword=s1&password=s2") ==
        "postgresql:///app?sslpassword=***&password=***");
  CHECK(redacted("host=db password=secret user=u") == "host=db password=*** user=u");
  CHECK(redacted("sqlite:books.db") == "sqlite:books.db");
}

TEST_CASE("a target is a PostgreSQL URI or an SQLite file") {
  const Opening file = parse_target("sqlite:dir/books.db", "ledger").value();
  CHECK(file.address == "dir/books.db");
  CHECK(file.display == "sqlite:dir/books.db");
  CHECK_FALSE(file.postgres);
  const Opening server = parse_target("postgresql://u:p@db/app", "books").value();
  CHECK(server.address == "postgresql://u:p@db/app");
  CHECK(server.display == "postgresql://u:***@db/app");
  CHECK(server.schema == "books");
  CHECK(server.postgres);
  for (const char* text : {"", "books.db", "sqlite:", "sqlite::memory:", "mysql://db/app"}) {
    const auto refused = parse_target(text, "ledger");
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == Code::invalid_value);
  }
}

TEST_CASE("a schema is a plain name") {
  for (const char* schema : {"ledger", "_x", "a1_b"}) {
    CHECK(parse_target("postgresql://db/app", schema));
  }
  for (const std::string schema :
       {"", "1a", "Ledger", "a b", "a\"b", "a;b", "a'b", "pg_temp", "information_schema", "ä",
        "a.b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}) {
    CAPTURE(schema);
    const auto refused = parse_target("postgresql://db/app", schema);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == Code::invalid_value);
  }
}

}  // namespace ledger::sql
