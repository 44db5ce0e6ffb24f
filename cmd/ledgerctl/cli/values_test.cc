#include "cli/values.h"

#include <doctest/doctest.h>

#include "base/time.h"

namespace ledger::cli {
namespace {

constexpr Time now{1'770'000'000'000'000'000};

TEST_CASE("a count is decimal digits and nothing else") {
  CHECK(parse_count("-n", "0").value() == 0);
  CHECK(parse_count("-n", "18446744073709551615").value() == UINT64_MAX);
  CHECK(parse_count("-n", "65536", 65536).value() == 65536);
  for (const char* text : {"", "010", "0x10", "-1", "+1", " 1", "1 ", "1.0", "1e3", "٣",
                           "18446744073709551616", "99999999999999999999999"}) {
    CAPTURE(text);
    const Result<uint64_t> got = parse_count("-n", text);
    REQUIRE_FALSE(got);
    CHECK(got.error().code == Code::invalid_value);
    CHECK_FALSE(got.error().hint.empty());
  }
  CHECK_FALSE(parse_count("-n", "65537", 65536));
}

TEST_CASE("a refused value is named with the flag it came from") {
  CHECK(parse_offset("--from", "010").error().message == "--from: '010' is not an offset");
  CHECK(parse_offset("--from", "a\nb").error().message == "--from: 'a\\nb' is not an offset");
  CHECK_FALSE(parse_offset("--from", "68719476736"));
  CHECK(parse_offset("--from", "68719476735"));
}

TEST_CASE("a duration has a unit, and a size need not") {
  CHECK(parse_duration("-t", "250ms").value() == std::chrono::milliseconds(250));
  CHECK(parse_duration("-t", "5s").value() == std::chrono::seconds(5));
  CHECK(parse_duration("-t", "2m").value() == std::chrono::minutes(2));
  CHECK(parse_duration("-t", "1h").value() == std::chrono::hours(1));
  CHECK(parse_duration("-t", "0").value() == Duration(0));
  for (const char* text : {"5", "", "s", "-5s", "05s", "5 s", "5S", "1.5s", "9999999999999h"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_duration("-t", text));
  }
  CHECK(parse_size("--segment-bytes", "64KiB").value() == 65536);
  CHECK(parse_size("--segment-bytes", "10MB").value() == 10'000'000);
  CHECK(parse_size("--segment-bytes", "10MiB").value() == 10 << 20);
  CHECK(parse_size("--segment-bytes", "4096").value() == 4096);
  for (const char* text : {"10Mb", "10M", "-1", "01KiB", "1.5MiB", "9999999TiB"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_size("--segment-bytes", text));
  }
}

TEST_CASE("a time is RFC 3339, a date, or so long ago") {
  CHECK(parse_when("--effective", "2026-04-01", now).value() == parse_time("2026-04-01T00:00:00Z"));
  CHECK(parse_when("--effective", "2026-02-01T10:30:00+01:00", now).value() ==
        parse_time("2026-02-01T09:30:00Z"));
  CHECK(parse_when("--effective", "-1h", now).value() == Time{now.ns - 3'600'000'000'000});
  for (const char* text : {"", "yesterday", "2026-02-30", "1h", "-1", "--1h"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_when("--effective", text, now));
  }
}

TEST_CASE("a position is an offset, an end, a distance from the end, or a time") {
  using Kind = Position::Kind;
  CHECK(parse_position("--from", "start", now).value() == Position{});
  CHECK(parse_position("--from", "end", now).value().kind == Kind::end);
  CHECK(parse_position("--from", "17", now).value() ==
        Position{.kind = Kind::offset, .number = 17});
  CHECK(parse_position("--from", "-10", now).value() ==
        Position{.kind = Kind::before_end, .number = 10});
  CHECK(parse_position("--to", "@2026-04-01", now).value().time ==
        parse_time("2026-04-01").value());
  CHECK(parse_position("--to", "@-1h", now).value().time.ns == now.ns - 3'600'000'000'000);
  for (const char* text : {"", "-", "@", "010", "-010", "1.5", "+1", "End", "@17"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_position("--from", text, now));
  }
}

TEST_CASE("an endpoint is a host and a port") {
  CHECK(parse_endpoint("-e", "127.0.0.1:17400").value().text() == "127.0.0.1:17400");
  CHECK(parse_endpoint("-e", "[::1]:17400").value().host == "::1");
  CHECK(parse_endpoint("-e", "[::1]:17400").value().text() == "[::1]:17400");
  CHECK(parse_endpoint("-e", "db-1.example:1").value().port == 1);
  CHECK(parse_endpoint("--listen", "127.0.0.1:0", true));
  for (const char* text :
       {"", ":", "localhost", "localhost:", ":17400", "localhost:0", "localhost:65536",
        "localhost:017400", "::1:17400", "a b:1", "[x]:1", "http://a:1"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_endpoint("-e", text));
  }
}

TEST_CASE("an id is a UUID, and its refusal has a code of its own") {
  CHECK(parse_uuid("--id", "0192f0c4-7a10-7c00-8000-4b5a5e9d1c01"));
  CHECK(parse_uuid("--id", "x").error().code == Code::invalid_id);
  CHECK_FALSE(parse_uuid("--id", "00000000-0000-0000-0000-000000000000"));
}

TEST_CASE("a node name is none of the words that mean nodes") {
  CHECK(parse_node_name("--name", "n1"));
  CHECK(parse_node_name("--name", std::string(32, 'a')));
  for (std::string text : {std::string("leader"), std::string("all"), std::string("N1"),
                           std::string("-a"), std::string(""), std::string(33, 'a')}) {
    CAPTURE(text);
    CHECK_FALSE(parse_node_name("--name", text));
  }
}

}  // namespace
}  // namespace ledger::cli
