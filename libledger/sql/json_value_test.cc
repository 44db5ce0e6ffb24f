#include "sql/json_value.h"

#include <doctest/doctest.h>

#include <string>

namespace ledger::sql {

TEST_CASE("JSON is the same whatever the order of names, blanks and escapes") {
  CHECK(same_json(R"({"a":1,"b":[true,null]})", R"({ "b" : [ true , null ], "a": 1 })"));
  CHECK(same_json(R"({"a":"\u00fc\/"})", R"({"a":"ü/"})"));
  CHECK_FALSE(same_json(R"({"a":[1,2]})", R"({"a":[2,1]})"));
  CHECK_FALSE(same_json(R"({"a":"x"})", R"({"a":"X"})"));
  CHECK_FALSE(same_json(R"({"a":1})", R"({"b":1})"));
  CHECK_FALSE(same_json(R"({"a":{}})", R"({"a":[]})"));
}

TEST_CASE("numbers count by value, exactly") {
  CHECK(same_json(R"({"a":1.50})", R"({"a":1.5})"));
  CHECK(same_json(R"({"a":15e-1})", R"({"a":0.15E+1})"));
  CHECK(same_json(R"({"a":-0})", R"({"a":0.000e7})"));
  CHECK(same_json(R"({"a":1e999})", R"({"a":1)" + std::string(999, '0') + "}"));
  CHECK_FALSE(same_json(R"({"a":12345678901234567890.1})", R"({"a":12345678901234567890.2})"));
  CHECK_FALSE(same_json(R"({"a":1})", R"({"a":-1})"));
  CHECK_FALSE(same_json(R"({"a":1})", R"({"a":"1"})"));
  CHECK_FALSE(same_json(R"({"a":1})", R"({"a":"n1e0"})"));
  CHECK_FALSE(same_json(R"({"a":01})", R"({"a":1})"));
}

TEST_CASE("a null member counts as absent, a null element does not") {
  CHECK(same_json(R"({"a":{"b":null}})", R"({"a":{}})"));
  CHECK_FALSE(same_json(R"({"a":[null]})", R"({"a":[]})"));
  CHECK_FALSE(same_json(R"({"a":0})", R"({})"));
}

TEST_CASE("what is no JSON is the same only as itself") {
  CHECK(same_json("{", "{"));
  CHECK_FALSE(same_json("{", "{ "));
  CHECK_FALSE(same_json("", "{}"));
  CHECK_FALSE(same_json("{\"a\":\"", "{\"a\":\"\"}"));
  CHECK_FALSE(same_json("{\"a\":1-2}", "{\"a\":12}"));
}

}  // namespace ledger::sql
