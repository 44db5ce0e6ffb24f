#include "cli/text.h"

#include <doctest/doctest.h>

namespace ledger::cli {
namespace {

using namespace std::string_literals;

TEST_CASE("no byte of a value can move a terminal") {
  CHECK(escaped("plain ü €", Escape::value) == "plain ü €");
  CHECK(escaped("a\nb\tc\rd\\e", Escape::value) == "a\\nb\\tc\\rd\\\\e");
  CHECK(escaped("\x1b[2J\x7f\0"s, Escape::value) == "\\x1b[2J\\x7f\\x00");
  CHECK(escaped("\xc2\x9b"
                "31m",
                Escape::value) == "\\xc2\\x9b31m");  // CSI as one code point
  CHECK(escaped("\xff\xc0\x80\xed\xa0\x80", Escape::value) == "\\xff\\xc0\\x80\\xed\\xa0\\x80");
  CHECK(escaped("C:\\x\n", Escape::line) == "C:\\x\\n");
}

TEST_CASE("only well-formed UTF-8 is UTF-8") {
  CHECK(valid_utf8("aü€😀"));
  for (const char* text : {"\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
                           "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xe2\x82"}) {
    CHECK_FALSE(valid_utf8(text));
  }
}

TEST_CASE("a table aligns its columns and marks empty cells") {
  Table table({"NAME", "ASSET", "STATE"});
  table.add({"assets:bank", "USD", "open"});
  table.add({"grün", "", "x"});
  CHECK(table.text(0) ==
        "NAME         ASSET  STATE\n"
        "assets:bank  USD    open\n"
        "grün         -      x\n");
  CHECK(table.text(6) == "NAME  \nassets\ngrün  \n");
}

TEST_CASE("names and values stand in two columns") {
  CHECK(name_values({{"id", "1"}, {"ceiling", ""}}) == "id       1\nceiling  -\n");
}

TEST_CASE("the nearest name is at most two edits away") {
  const std::vector<std::string> names = {"--from", "--to", "--decode"};
  CHECK(nearest("--form", names) == "--from");
  CHECK(nearest("--decod", names) == "--decode");
  CHECK(nearest("--bogus", names) == std::nullopt);
  CHECK(nearest("lgo", {"log", "tx"}) == "log");
  CHECK(nearest("x", {"tx", "log"}) == std::nullopt);  // one edit, but all of the word
}

}  // namespace
}  // namespace ledger::cli
