#include "base/time.h"

#include <doctest/doctest.h>

using namespace ledger;

namespace {
constexpr int64_t january_2026 = 1767225600LL * 1'000'000'000;
}

TEST_CASE("a time is printed with the decimals it needs, or all nine") {
  CHECK(format_time(Time{january_2026}) == "2026-01-01T00:00:00Z");
  CHECK(format_time(Time{january_2026 + 1}) == "2026-01-01T00:00:00.000000001Z");
  CHECK(format_time(Time{january_2026 + 120'000'000}) == "2026-01-01T00:00:00.12Z");
  CHECK(format_time_full(Time{january_2026 - 1}) == "2025-12-31T23:59:59.999999999Z");
  CHECK(format_time(Time{-1}) == "1969-12-31T23:59:59.999999999Z");
}

TEST_CASE("a time is read with any zone, and a date is its midnight") {
  CHECK(parse_time("2026-01-01") == Time{january_2026});
  CHECK(parse_time("2026-01-01T00:00:00Z") == Time{january_2026});
  CHECK(parse_time("2026-01-01T02:30:00.5+02:30") == Time{january_2026 + 500'000'000});
  CHECK(parse_time("2025-12-31T19:00:00-05:00") == Time{january_2026});
  CHECK(parse_time("2024-02-29"));
}

TEST_CASE("what is no time is refused") {
  for (const char* text : {"", "2026", "2026-13-01", "2026-02-29", "2026-01-01T",
                           "2026-01-01T24:00:00Z", "2026-01-01T00:00:00", "2026-01-01T00:00:00.Z",
                           "2026-01-01T00:00:00.1234567890Z", "2026-01-01T00:00:00Zx",
                           "2026-01-01 00:00:00Z", "1500-01-01", "9999-01-01", "+026-01-01"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_time(text));
  }
}
