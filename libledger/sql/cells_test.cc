#include "sql/cells.h"

#include <doctest/doctest.h>

#include "base/time.h"

namespace ledger::sql {
namespace {

constexpr Duration ns(1);
constexpr Duration us(1000);

}  // namespace

TEST_CASE("an id and a time are written as base formats them") {
  const Id id = parse_id("0192f0c4-7a10-7c00-8000-4b5a5e9d1c0a").value();
  char text[id_text_bytes];
  write_id(text, id);
  CHECK(std::string(text, sizeof text) == id.text());

  TimeWriter writer;
  for (const int64_t time :
       {int64_t{0}, int64_t{1}, int64_t{999'999'999}, int64_t{1'000'000'000}, int64_t{-1},
        int64_t{-1'000'000'000}, int64_t{-1'000'000'001}, int64_t{1'767'225'621'000'000'001},
        int64_t{1'767'225'621'999'999'999}, INT64_MAX, INT64_MIN, INT64_MIN + 1, INT64_MIN + 999}) {
    for (int again = 0; again < 2; ++again) {
      char out[time_text_bytes];
      writer.write(out, {time});
      CHECK(std::string(out, sizeof out) == format_time_full({time}));
    }
  }
}

TEST_CASE("a cell is the same text whichever database it comes from") {
  CHECK(cell(int64_t{42}, Type::offset, ns) == "42");
  CHECK(cell(int64_t{1}, Type::boolean, ns) == "true");
  CHECK(cell(int64_t{0}, Type::boolean, ns) == "false");
  CHECK(cell(int128_min, Type::amount, ns) == "-170141183460469231731687303715884105727");
  CHECK(cell(int64_t{1'767'225'621'123'456'789}, Type::time, ns) ==
        "2026-01-01T00:00:21.123456789Z");
  CHECK(cell(int64_t{1'767'225'621'123'456'789}, Type::time, us) == "2026-01-01T00:00:21.123456Z");
  CHECK(cell(int64_t{-1}, Type::time, us) == "1969-12-31T23:59:59.999999Z");
  CHECK(cell(std::string_view("a\xff", 2), Type::bytes, ns) == "61ff");
  CHECK(cell(std::string_view("{}"), Type::json, ns) == "{}");
}

}  // namespace ledger::sql
