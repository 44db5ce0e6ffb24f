#include "cli/json.h"

#include <doctest/doctest.h>

namespace ledger::cli::json {
namespace {

using namespace std::string_literals;

TEST_CASE("keys stand in the order in which they were added") {
  const std::string text = Object("record")
                               .add("offset", Offset(17))
                               .add("b", true)
                               .add("a", "x")
                               .add("none", std::optional<Term>())
                               .add_if("left_out", std::optional<Term>())
                               .add("at", Time{1'000'000'001})
                               .add("below", -5)
                               .text();
  CHECK(text == R"({"kind":"record","offset":17,"b":true,"a":"x","none":null,)"
                R"("at":"1970-01-01T00:00:01.000000001Z","below":-5})");
}

TEST_CASE("bytes are a value where they are UTF-8, else base64") {
  CHECK(Object().add_bytes("value", "ü\"\n").text() == R"({"value":"ü\"\n"})");
  CHECK(Object().add_bytes("value", "\0"s).text() == R"({"value":"\u0000"})");
  CHECK(Object().add_bytes("value", "\xff\x00"s).text() == R"({"value_b64":"/wA="})");
}

TEST_CASE("base64 comes back, and only its one right form does") {
  for (size_t size = 0; size < 9; ++size) {
    std::string bytes;
    for (size_t i = 0; i < size; ++i) bytes += static_cast<char>(i * 83 + 200);
    CHECK(from_base64(base64(bytes)) == bytes);
  }
  for (const char* text : {"A", "AA", "AAA", "A===", "AB==", "AAB=", "AA=A", "AA==AAAA", "A A="}) {
    CAPTURE(text);
    CHECK(from_base64(text) == std::nullopt);
  }
}

TEST_CASE("members are read as they were written") {
  const std::string text =
      " { \"a\" : 1.50 ,\"b\\u0063\":\"x\\u00fc\\\"}\" , \"m\":{ \"k\" : [ 1 , {} , \"a b\" ] },"
      "\"n\":null,\"t\":true } ";
  const auto found = members(text).value();
  REQUIRE(found.size() == 5);
  CHECK(found[0].name == "a");
  CHECK(found[0].value.text == "1.50");
  CHECK(found[0].value.is_number());
  CHECK(found[1].name == "bc");
  CHECK(found[1].value.string() == "xü\"}");
  CHECK(found[2].value.is_object());
  CHECK(found[2].value.compact() == R"({"k":[1,{},"a b"]})");
  CHECK(found[3].value.text == "null");
  CHECK(found[4].value.text == "true");
  CHECK(members("{}").value().empty());
}

TEST_CASE("elements of an array are values") {
  const std::string text = R"({"a":[ {"x":[1,2]} , "," ,3 ],"b":[]})";
  const auto found = members(text).value();
  const auto values = elements(found[0].value);
  REQUIRE(values.size() == 3);
  CHECK(values[0].text == R"({"x":[1,2]})");
  CHECK(values[1].string() == ",");
  CHECK(values[2].text == "3");
  CHECK(elements(found[1].value).empty());
}

TEST_CASE("what is not one JSON object in UTF-8 is refused") {
  for (std::string text :
       {""s, "1"s, "[]"s, "{"s, "{}x"s, "{} {}"s, "{\"a\":1,}"s, "{'a':1}"s, "{\"a\":01}"s,
        "{\"a\":1}\0"s, "{\"a\":\"\xff\"}"s, "{\"a\":\"\\ud800\"}"s, "{\"a\":1,\"\\u0061\":2}"s}) {
    CAPTURE(text);
    const auto got = members(text);
    REQUIRE_FALSE(got);
    CHECK(got.error().code == Code::invalid_message);
  }
}

}  // namespace
}  // namespace ledger::cli::json
