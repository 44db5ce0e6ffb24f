#include "sim/life.h"

#include <doctest/doctest.h>

using namespace ledger;
using namespace ledger::sim;
using namespace std::chrono_literals;

namespace {

Told life(uint64_t seed) {
  Life one;
  one.seed = seed;
  one.trouble = 4s;
  return live(one);
}

}  // namespace

TEST_CASE("one seed gives one history, and another seed another") {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    CAPTURE(seed);
    const Told first = life(seed);
    const Told second = life(seed);
    CHECK(first.hash == second.hash);
    CHECK(first.counts == second.counts);
    CHECK(first.hash != life(seed + 1).hash);
  }
}
