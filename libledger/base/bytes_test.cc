#include "base/bytes.h"

#include <doctest/doctest.h>

using namespace ledger;

TEST_CASE("a varint is read back, and has the size it was said to have") {
  for (const uint64_t value : {uint64_t{0}, uint64_t{1}, uint64_t{127}, uint64_t{128},
                               uint64_t{16383}, uint64_t{16384}, uint64_t{1} << 63, ~uint64_t{0}}) {
    CAPTURE(value);
    std::string out;
    put_varint(out, value);
    CHECK(out.size() == varint_bytes(value));
    Cursor cursor(out);
    CHECK(cursor.take_varint() == value);
    CHECK(cursor.empty());
  }
}

TEST_CASE("a varint that is longer than it must be, too large or cut off is refused") {
  using namespace std::string_literals;
  for (const std::string& bytes :
       {"\x80\x00"s, "\x81\x80\x00"s, "\x80"s, ""s, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"s,
        "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"s}) {
    Cursor cursor(bytes);
    CHECK_FALSE(cursor.take_varint());
    CHECK(cursor.rest().size() == bytes.size());
  }
}

TEST_CASE("a cursor gives no byte that is not there") {
  Cursor cursor(Bytes("\x01\x02\x03", 3));
  CHECK_FALSE(cursor.take<uint32_t>());
  CHECK(cursor.take<uint16_t>() == 0x0201);
  CHECK_FALSE(cursor.take_bytes(2));
  CHECK(cursor.take_bytes(1) == Bytes("\x03", 1));
  CHECK(cursor.empty());
}
