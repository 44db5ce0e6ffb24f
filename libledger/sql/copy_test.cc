#include "sql/copy.h"

#include <doctest/doctest.h>

#include "sql/cells.h"

namespace ledger::sql {
namespace {

constexpr Column one_column(Type type) {
  return {"x", type, "", "", ""};
}

/// The field of one value, in hexadecimal, without the row around it.
std::string field(const Value& value, Type type) {
  const Column columns[] = {one_column(type)};
  const Table table{.name = "t", .comment = "", .columns = columns};
  std::string out;
  put_copy_row(out, table, {&value, 1});
  CHECK(hex(out.substr(0, 2)) == "0001");
  return hex(out.substr(2));
}

std::string amount(Int128 value) {
  return field(value, Type::amount);
}

}  // namespace

TEST_CASE("amounts are numerics of base 10000 without trailing zeros") {
  CHECK(amount(0) ==
        "00000008"
        "0000"
        "0000"
        "0000"
        "0000");
  CHECK(amount(1) ==
        "0000000a"
        "0001"
        "0000"
        "0000"
        "0000"
        "0001");
  CHECK(amount(9999) ==
        "0000000a"
        "0001"
        "0000"
        "0000"
        "0000"
        "270f");
  CHECK(amount(10000) ==
        "0000000a"
        "0001"
        "0001"
        "0000"
        "0000"
        "0001");
  CHECK(amount(-5000) ==
        "0000000a"
        "0001"
        "0000"
        "4000"
        "0000"
        "1388");
  CHECK(amount(10001) ==
        "0000000c"
        "0002"
        "0001"
        "0000"
        "0000"
        "0001"
        "0001");
  // 170 1411 8346 0469 2317 3168 7303 7158 8410 5727
  const std::string digits =
      "00aa"
      "0583"
      "209a"
      "01d5"
      "090d"
      "0c60"
      "1c87"
      "1bf6"
      "20da"
      "165f";
  CHECK(amount(int128_max) ==
        "0000001c"
        "000a"
        "0009"
        "0000"
        "0000" +
            digits);
  CHECK(amount(int128_min) ==
        "0000001c"
        "000a"
        "0009"
        "4000"
        "0000" +
            digits);
}

TEST_CASE("other values are as their types are received") {
  CHECK(field(int64_t{-2}, Type::offset) ==
        "00000008"
        "fffffffffffffffe");
  CHECK(field(int64_t{7}, Type::integer) ==
        "00000004"
        "00000007");
  CHECK(field(int64_t{63}, Type::small) ==
        "00000002"
        "003f");
  CHECK(field(int64_t{1}, Type::boolean) ==
        "00000001"
        "01");
  CHECK(field({}, Type::text) == "ffffffff");
  CHECK(field("ab", Type::text) ==
        "00000002"
        "6162");
  CHECK(field("", Type::text) == "00000000");
  CHECK(field("{}", Type::json) ==
        "00000003"
        "017b7d");
  CHECK(field(std::string_view("\0\xff", 2), Type::bytes) ==
        "00000002"
        "00ff");
  CHECK(field(parse_id("018f0000-0000-7000-8000-000000a00002").value(), Type::id) ==
        "00000010"
        "018f0000000070008000000000a00002");
  // Microseconds since 2000, towards the past.
  CHECK(field(int64_t{946'684'800'000'000'000}, Type::time) ==
        "00000008"
        "0000000000000000");
  CHECK(field(int64_t{946'684'800'000'001'999}, Type::time) ==
        "00000008"
        "0000000000000001");
  CHECK(field(int64_t{946'684'799'999'999'999}, Type::time) ==
        "00000008"
        "ffffffffffffffff");
  CHECK(field(int64_t{-1}, Type::time) ==
        "00000008"
        "fffca2fec4c81fff");
}

TEST_CASE("a stream has a header and a trailer") {
  std::string out;
  put_copy_header(out);
  put_copy_trailer(out);
  CHECK(hex(out) ==
        "5047434f50590aff0d0a00"
        "00000000"
        "00000000"
        "ffff");
}

}  // namespace ledger::sql
