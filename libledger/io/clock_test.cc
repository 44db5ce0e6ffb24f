#include "io/clock.h"

#include <doctest/doctest.h>

#include <array>
#include <set>

#include "base/time.h"
#include "io/manual_clock.h"
#include "io/seeded_random.h"
#include "io/system_clock.h"

using namespace ledger;
using namespace ledger::io;

TEST_CASE("the system's monotonic clock never runs backwards") {
  SystemClock clock;
  Instant last = clock.now();
  for (int i = 0; i < 1000; ++i) {
    const Instant next = clock.now();
    CHECK(next >= last);
    last = next;
  }
}

TEST_CASE("the system's civil time is of this century") {
  SystemClock clock;
  CHECK(clock.wall() > *parse_time("2020-01-01"));
  CHECK(clock.wall() < *parse_time("2100-01-01"));
}

TEST_CASE("the system's chance does not repeat, and fills any length") {
  SystemRandom random;
  std::set<uint64_t> drawn;
  for (int i = 0; i < 1000; ++i) drawn.insert(random.number());
  CHECK(drawn.size() == 1000);
  CHECK_FALSE(drawn.contains(0));

  std::array<uint8_t, 1000> bytes = {};
  random.fill(bytes);
  CHECK(std::set<uint8_t>(bytes.begin(), bytes.end()).size() > 200);
  CHECK(std::set<uint8_t>(bytes.end() - 100, bytes.end()).size() > 50);
  random.fill({});
}

TEST_CASE("a seed draws the same numbers each time, and another seed others") {
  SeededRandom one(7);
  SeededRandom same(7);
  SeededRandom other(8);
  for (int i = 0; i < 100; ++i) {
    const uint64_t drawn = one.number();
    CHECK(drawn == same.number());
    CHECK(drawn != other.number());
  }
}

TEST_CASE("seeded chance is SplitMix64 as published") {
  SeededRandom random(1234567);
  CHECK(random.next() == 6457827717110365317u);
  CHECK(random.next() == 3203168211198807973u);
  CHECK(random.next() == 9817491932198370423u);
}

TEST_CASE("seeded chance below a bound reaches all of it and no more") {
  SeededRandom random(1);
  std::set<uint64_t> drawn;
  for (int i = 0; i < 1000; ++i) drawn.insert(random.below(10));
  CHECK(drawn.size() == 10);
  CHECK(*drawn.rbegin() == 9);
}

TEST_CASE("a number is never zero") {
  struct Zeros final : Random {
    int left = 3;
    void fill(std::span<uint8_t> bytes) override {
      for (uint8_t& byte : bytes) byte = left > 0 ? 0 : 1;
      --left;
    }
  } random;
  CHECK(random.number() == 0x0101010101010101);
}

TEST_CASE("a manual clock moves when it is told to, the wall by itself too") {
  ManualClock clock(Time{1000});
  const Instant start = clock.now();
  clock.advance(Duration(5));
  CHECK(clock.now() - start == Duration(5));
  CHECK(clock.wall() == Time{1005});
  clock.set_wall(Time{10});
  CHECK(clock.wall() == Time{10});
  CHECK(clock.now() - start == Duration(5));
}
