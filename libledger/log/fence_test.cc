#include "log/fence.h"

#include <doctest/doctest.h>

using namespace ledger;
using namespace ledger::log;

namespace {

constexpr LogEnd at(uint64_t index, uint64_t term) {
  return {Index(index), Term(term)};
}

constexpr Confirmed says(uint64_t term, uint64_t committed, uint64_t last) {
  return {Term(term), Index(committed), Index(last)};
}

}  // namespace

TEST_CASE("where the end is known, committed entries up to it are enough without any leader") {
  CHECK(Fence(Term(5), at(90, 4), at(100, 4)).reach() == Index(100));
  CHECK_FALSE(Fence(Term(5), at(90, 4), std::nullopt).reach());
}

TEST_CASE("a leader of a later term than our last entry ends the wait at its commit index") {
  for (const uint64_t stored : {4, 5, 6, 9}) {
    Fence fence(Term(stored), at(90, 4), at(100, 4));
    REQUIRE(fence.hear(says(6, 95, 120)));
    CHECK(fence.reach() == Index(95));
    // One that is further along asks for no more.
    REQUIRE(fence.hear(says(6, 130, 130)));
    CHECK(fence.reach() == Index(95));
  }
}

TEST_CASE("a leader of the term of our last entry may still count what we acknowledged") {
  Fence fence(Term(4), at(90, 4), at(100, 4));
  REQUIRE(fence.hear(says(4, 95, 120)));
  CHECK(fence.reach() == Index(100));
}

TEST_CASE("a leader of an earlier term than our last entry has nothing to say") {
  Fence known(Term(4), at(90, 4), at(100, 4));
  CHECK_FALSE(known.hear(says(3, 95, 120)));
  CHECK(known.reach() == Index(100));
  Fence unknown(Term(4), at(90, 4), std::nullopt);
  CHECK_FALSE(unknown.hear(says(3, 95, 120)));
  CHECK_FALSE(unknown.reach());
}

TEST_CASE("where the end is not known, a leader of a term unheard of says what is enough") {
  Fence fence(Term(4), at(90, 4), std::nullopt);
  REQUIRE(fence.hear(says(5, 80, 95)));
  CHECK(fence.reach() == Index(80));
}

TEST_CASE(
    "where the end is not known, a leader of our term must commit all that it may have sent") {
  for (const uint64_t stored : {5, 6}) {
    Fence fence(Term(stored), at(90, 4), std::nullopt);
    REQUIRE(fence.hear(says(5, 95, 120)));
    CHECK(fence.reach() == Index(120));
    // What it took since then we can't have acknowledged.
    REQUIRE(fence.hear(says(5, 130, 150)));
    CHECK(fence.reach() == Index(120));
    // Another leader: what it has committed covers all of its predecessors'.
    REQUIRE(fence.hear(says(7, 118, 150)));
    CHECK(fence.reach() == Index(118));
  }
}
