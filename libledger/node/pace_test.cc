#include "node/pace.h"

#include <doctest/doctest.h>

#include <vector>

using namespace ledger;
using namespace std::chrono_literals;
using node::Pace;

namespace {

constexpr size_t bytes_max = 512 << 10;
constexpr Instant begin{1'000'000'000'000};

/// Streams that pull for a while as fast as they may, beside who writes.
struct Run {
  Pace pace;
  Instant now = begin;
  uint64_t written = 0;

  /// What each of `streams` was given in `time`, while each millisecond so much was written.
  std::vector<uint64_t> pull(Duration time, size_t streams, uint64_t written_a_ms) {
    std::vector<uint64_t> given(streams);
    std::vector<Instant> again(streams, now);
    for (const Instant end = now + time; now < end; now = now + 1ms) {
      pace.wrote(now, written += written_a_ms);
      for (size_t i = 0; i < streams; ++i) {
        if (now < again[i]) continue;
        const size_t bytes = pace.batch_bytes(now, bytes_max);
        given[i] += bytes;
        again[i] = now + pace.gave(now, bytes);
      }
    }
    return given;
  }
};

bool about(uint64_t value, uint64_t wanted) {
  return value > wanted - wanted / 10 && value < wanted + wanted / 10;
}

}  // namespace

TEST_CASE("where nobody writes nobody waits") {
  Pace pace;
  CHECK(pace.batch_bytes(begin, bytes_max) == bytes_max);
  for (int i = 0; i < 1000; ++i) CHECK(pace.gave(begin, bytes_max) == Duration(0));

  pace.wrote(begin, 1);
  CHECK(pace.gave(begin, bytes_max) > Duration(0));
  pace.wrote(begin + Pace::quiet, 1);  // Nothing new.
  CHECK(pace.gave(begin + Pace::quiet, bytes_max) == Duration(0));
}

TEST_CASE("beside few writes a pull goes at the least pace, in small batches") {
  Run run;
  CHECK(about(run.pull(10s, 1, 30)[0], 10 * Pace::bytes_a_second_min));
  CHECK(run.pace.batch_bytes(run.now, bytes_max) < (80 << 10));
}

TEST_CASE(
    "under load a pull is twice as fast as what is written, at once and for as long as it is") {
  Run run;
  constexpr uint64_t a_ms = 100'000;
  run.pull(1s, 1, a_ms);
  CHECK(about(run.pull(10s, 1, a_ms)[0], 2 * 10'000 * a_ms));
  CHECK(run.pace.batch_bytes(run.now, bytes_max) == bytes_max);

  run.pull(2s, 1, 1);
  CHECK(about(run.pull(10s, 1, 1)[0], 10 * Pace::bytes_a_second_min));
}

TEST_CASE("several pulls share the pace") {
  Run run;
  const std::vector<uint64_t> given = run.pull(10s, 3, 30);
  for (const uint64_t one : given) CHECK(about(one, 10 * Pace::bytes_a_second_min / 3));
}

TEST_CASE("who was away does not get all at once what he might have had") {
  Run run;
  run.pull(1s, 1, 30);
  for (int i = 0; i < 60; ++i) run.pace.wrote(run.now = run.now + 1s, ++run.written);
  CHECK(run.pull(100ms, 1, 30)[0] < Pace::bytes_a_second_min / 6);
}
