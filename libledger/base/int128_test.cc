#include "base/int128.h"

#include <doctest/doctest.h>

using namespace ledger;
using namespace std::string_literals;

TEST_CASE("integers have the shortest big-endian form, and only that is read") {
  const std::pair<Int128, std::string> known[] = {
      {0, "\0"s},
      {-1, "\xff"},
      {127, "\x7f"},
      {-128, "\x80"},
      {128, "\0\x80"s},
      {-129, "\xff\x7f"},
      {255, "\0\xff"s},
      {-5000, "\xec\x78"},
      {int128_max, "\x7f" + std::string(15, '\xff')},
      {int128_min, "\x80" + std::string(14, '\0') + "\x01"},
  };
  for (const auto& [value, bytes] : known) {
    CAPTURE(format_integer(value));
    CHECK(encode_int128(value) == bytes);
    CHECK((decode_int128(bytes) == value));
  }
  for (const std::string& bytes : {""s, "\0\0"s, "\0\x7f"s, "\xff\xff"s, "\xff\x80"s,
                                   std::string(17, '\x01'), "\x80" + std::string(15, '\0')}) {
    CHECK_FALSE(decode_int128(bytes));
  }
}

TEST_CASE("amounts are exact or refused") {
  const auto is = [](std::string_view text, unsigned scale, Int128 value) {
    CAPTURE(text);
    return parse_amount(text, scale) == value;
  };
  CHECK(is("40", 2, 4000));
  CHECK(is("40.0", 2, 4000));
  CHECK(is("40.00", 2, 4000));
  CHECK(is("0.01", 2, 1));
  CHECK(is("-50", 2, -5000));
  CHECK(is("750", 0, 750));
  CHECK(is("1701411834604692317316873037158841057.27", 2, int128_max));
  for (const char* text : {"40.001", "40.000", "1e3", "1,000", "+5", " 5", ".5", "5.", "", "-",
                           "--1", "1701411834604692317316873037158841057.28",
                           "00000000000000000000000000000000000000000000000000000000000001"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_amount(text, 2));
  }
  CHECK_FALSE(parse_amount("40.00", 0));
}

TEST_CASE("amounts are printed with exactly the decimals of their scale") {
  CHECK(format_amount(4000, 2) == "40.00");
  CHECK(format_amount(1, 2) == "0.01");
  CHECK(format_amount(-5000, 2) == "-50.00");
  CHECK(format_amount(0, 2) == "0.00");
  CHECK(format_amount(0, 0) == "0");
  CHECK(format_amount(7, 18) == "0.000000000000000007");
  CHECK(format_amount(int128_max, 2) == "1701411834604692317316873037158841057.27");
  CHECK(format_amount(int128_min, 0) == "-170141183460469231731687303715884105727");
}
