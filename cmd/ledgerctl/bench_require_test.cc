#include "bench_require.h"

#include <doctest/doctest.h>

using namespace ledger;
using namespace ledger::cli;

TEST_CASE("a requirement holds for what it says, and not beyond") {
  struct Case {
    const char* text;
    double holds;
    double fails;
  };
  for (const Case& each : {Case{"p99<20ms", 19.9, 20},
                           {"p99.9<=2s", 2000, 2001},
                           {"max>1ms", 1.1, 1},
                           {"ops/s>=30000", 30000, 29999},
                           {"errors=0", 0, 1},
                           {"MB/s>5", 6, 5},
                           {"p50<500us", 0.4, 0.5}}) {
    CAPTURE(each.text);
    const Result<Requirement> requirement = parse_requirement("--require", each.text);
    if (std::string(each.text) == "p50<500us") {  // No unit that durations have.
      CHECK_FALSE(requirement);
      continue;
    }
    REQUIRE(requirement);
    CHECK(requirement->holds(each.holds));
    CHECK_FALSE(requirement->holds(each.fails));
  }
}

TEST_CASE("a requirement says itself") {
  const Requirement latency = parse_requirement("--require", "p99.9<=20ms").value();
  CHECK(latency.name() == "p99.9");
  CHECK(latency.bound_text() == "<= 20 ms");
  CHECK(latency.text(31.4159) == "31.4 ms");
  const Requirement rate = parse_requirement("--require", "ops/s>9").value();
  CHECK(rate.name() == "ops/s");
  CHECK(rate.text(1234567.8) == "1234568");
}

TEST_CASE("what is no requirement is refused") {
  for (const char* text : {"", "p99", "p98<1ms", "<1ms", "p99<", "p99<20", "p99<<1ms", "errors=-1",
                           "errors=0ms", "p99 < 1ms", "ops/s>1e3"}) {
    CAPTURE(text);
    const Result<Requirement> requirement = parse_requirement("--require", text);
    REQUIRE_FALSE(requirement);
    CHECK(requirement.error().code == Code::invalid_value);
  }
}
