#include "base/id.h"

#include <doctest/doctest.h>

using namespace ledger;

TEST_CASE("an id's text leads back to it, in either case") {
  const std::string text = "0192f0c4-7a10-7c00-8000-4b5a5e9d1c0a";
  REQUIRE(parse_id(text));
  CHECK(parse_id(text)->text() == text);
  CHECK(parse_id("0192F0C4-7A10-7C00-8000-4B5A5E9D1C0A") == parse_id(text));
}

TEST_CASE("what is not an id is refused") {
  for (const char* text :
       {"", "0192f0c47a107c0080004b5a5e9d1c0a", "0192f0c4-7a10-7c00-8000-4b5a5e9d1c0",
        "0192f0c4-7a10-7c00-8000-4b5a5e9d1c0g", "0192f0c4-7a10-7c00-8000+4b5a5e9d1c0a",
        "0192f0c4-7a10-7c00-8000-4b5a5e9d1c0a0"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_id(text));
  }
}

TEST_CASE("all-zero and all-one are no ids") {
  CHECK_FALSE(Id{}.valid());
  CHECK_FALSE(parse_id("ffffffff-ffff-ffff-ffff-ffffffffffff")->valid());
  CHECK(parse_id("00000000-0000-0000-0000-000000000001")->valid());
}

TEST_CASE("a made id is a version 7 UUID of its millisecond") {
  std::array<uint8_t, 10> random;
  random.fill(0xff);
  const Id id = make_id(Time{0x0192f0c47a10 * int64_t{1'000'000}}, random);
  CHECK(id.text() == "0192f0c4-7a10-7fff-bfff-ffffffffffff");
}
