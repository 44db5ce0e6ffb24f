// The recovery rules of ledger-segment(5) as seeded histories on a disk that crashes and rots.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstdlib>

#include "log/history.h"

using namespace ledger;
using namespace ledger::log;

namespace {

/// A merge runs some thousand histories, a night many more.
uint64_t histories(uint64_t merge) {
  const char* night = std::getenv("LEDGER_NIGHT");
  return night != nullptr ? merge * 100 : merge;
}

void run(History::Kind kind, uint64_t count) {
  HistoryCounts counts;
  const char* one = std::getenv("LEDGER_SEED");
  for (uint64_t seed = 1; seed <= count; ++seed) {
    const uint64_t number = one != nullptr ? std::strtoull(one, nullptr, 10) : seed;
    const std::string broken = History(number, kind, counts).run();
    CAPTURE(number);
    REQUIRE_MESSAGE(broken.empty(), broken);
    if (one != nullptr) break;
  }
  MESSAGE(fmt::format(
      "{} histories: {} opens, {} power cuts, {} restarts, {} inside a recovery, {} failed calls, "
      "{} torn tails, {} truncations, {} full disks; {} damages: {} noticed, {} harmless, {} in "
      "the "
      "window",
      count, counts.opens, counts.crashes, counts.restarts, counts.recovery_crashes,
      counts.failed_calls, counts.torn_tails, counts.cuts, counts.full_disks, counts.damages,
      counts.damages_noticed, counts.damages_harmless, counts.damages_in_window));
  if (one == nullptr && kind == History::Kind::crashes) {
    CHECK(counts.recovery_crashes > count / 10);
    CHECK(counts.torn_tails > count / 20);
    CHECK(counts.failed_calls > count / 10);
    CHECK(counts.full_disks > 0);
  }
}

}  // namespace

TEST_CASE(
    "crashes, failed calls and full disks lose nothing that was drained and look like no damage") {
  run(History::Kind::crashes, histories(4000));
}

TEST_CASE("damage is noticed, or harmless, or inside the documented window") {
  run(History::Kind::damage, histories(4000));
}
