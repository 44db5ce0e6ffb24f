#include "cli/secrets.h"

#include <doctest/doctest.h>

namespace ledger::cli {
namespace {

TEST_CASE("a password in a database URL is never shown") {
  CHECK(without_passwords("postgresql://ann:secret@db/app") == "postgresql://ann:***@db/app");
  CHECK(without_passwords("postgres://ann:s@crt@db:5432/app?x=1") ==
        "postgres://ann:***@db:5432/app?x=1");
  CHECK(without_passwords("postgresql:///app?user=ann&password=secret&x=1") ==
        "postgresql:///app?user=ann&password=***&x=1");
  CHECK(without_passwords("postgresql://ann@db/app") == "postgresql://ann@db/app");
  CHECK(without_passwords("postgresql://db:5432/app") == "postgresql://db:5432/app");
  CHECK(without_passwords("sqlite:books.db") == "sqlite:books.db");
}

TEST_CASE("argv is written again in place") {
  std::string word = "postgresql://ann:secret@db/app";
  std::string other = "plain";
  std::string program = "ledgerctl";
  char* argv[] = {program.data(), word.data(), other.data(), nullptr};
  hide_passwords(3, argv);
  CHECK(std::string(argv[1]) == "postgresql://ann:***@db/app");
  CHECK(other == "plain");
}

}  // namespace
}  // namespace ledger::cli
