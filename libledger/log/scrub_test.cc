#include "log/scrub.h"

#include <doctest/doctest.h>

#include "log/test_entries.h"

using namespace ledger;
using namespace ledger::log;

namespace {

constexpr Options small = {.segment_bytes = 8 << 10, .cache_bytes = 0};

struct World {
  io::MemoryDisk disk;
  io::SeededRandom random{1};
  std::unique_ptr<Log> log;

  World() {
    REQUIRE(Log::create(disk, random, test_cluster(), small, founding_entry()));
    log = Log::open(disk, random, test_cluster(), small).value();
    append(60);
  }
  void append(int count) {
    Maker maker(*log);
    for (int i = 0; i < count; ++i) {
      const Entry entry = maker.records(1, 300);
      REQUIRE(log->append(std::span(&entry, 1)));
    }
    REQUIRE(log->drain());
  }
};

struct Round {
  uint64_t bytes = 0;
  int slices = 0;
  std::optional<Damage> damage;
};

Round round(Scrub& scrub, uint64_t slice_bytes) {
  Round round;
  for (;;) {
    const Scrub::Slice slice = scrub.step(slice_bytes).value();
    ++round.slices;
    round.bytes += slice.bytes;
    round.damage = slice.damage;
    if (slice.damage || slice.round_ended) return round;
    REQUIRE(slice.bytes >= slice_bytes);
  }
}

}  // namespace

TEST_CASE("a round reads every entry of every sealed segment, whatever the slices") {
  World world;
  uint64_t bytes = 0;
  for (Index next(1); next < world.log->last_index() - 12;) {
    const auto entries = world.log->read(next, next + 1, 1).value();
    bytes += frame_bytes + entries.front().bytes().size();
    next = next + 1;
  }
  Scrub scrub(world.disk);
  for (const uint64_t slice : {1, 1000, 5000, 1 << 20}) {
    const Round one = round(scrub, slice);
    CHECK_FALSE(one.damage);
    CHECK(one.bytes >= bytes);
    CHECK(one.slices >= static_cast<int>(bytes / (slice + 500)));
  }
}

TEST_CASE("damage in any byte of a sealed segment's header and living part is found") {
  World world;
  const std::string path = segment_path(2);
  const std::string bytes = world.disk.bytes(path);
  uint64_t harmless = 0;
  for (uint64_t at = 0; at < bytes.size(); at += 3) {
    CAPTURE(at);
    io::MemoryDisk damaged = world.disk;
    damaged.flip(path, at);
    Scrub scrub(damaged);
    const Round one = round(scrub, 700);
    if (!one.damage) {
      // Only the zeros behind the last entry.
      REQUIRE(bytes.find_first_not_of('\0', at) == std::string::npos);
      ++harmless;
      continue;
    }
    CHECK(one.damage->path == path);
    CHECK(one.damage->error.code == Code::corrupt_segment);
    // It is found in every round.
    CHECK(round(scrub, 700).damage);
  }
  CHECK(harmless < 300);
  io::MemoryDisk lost = world.disk;
  lost.lose(path);
  Scrub scrub(lost);
  CHECK(round(scrub, 700).damage->error.code == Code::offset_gap);
}

TEST_CASE(
    "a log that grows, and is cut by a new leader, between two slices is whole all the same") {
  World world;
  Scrub scrub(world.disk);
  (void)scrub.step(3000).value();
  world.append(30);
  (void)scrub.step(3000).value();
  Maker maker(*world.log);
  maker.term = Term(5);
  // All but the first segments go.
  const auto from = world.log->read(Index(20), Index(21), 1).value();
  maker.index = Index(20);
  maker.offset = from.front().base_offset;
  maker.time = Time{from.front().recorded.ns - 1};
  const Entry entry = maker.records(1, 30);
  REQUIRE(world.log->append(std::span(&entry, 1)));
  REQUIRE(world.log->drain());
  CHECK_FALSE(round(scrub, 500).damage);
  world.append(30);
  CHECK_FALSE(round(scrub, 500).damage);
}

TEST_CASE("a log with one segment has nothing to scrub") {
  io::MemoryDisk disk;
  io::SeededRandom random(1);
  REQUIRE(Log::create(disk, random, test_cluster(), small, founding_entry()));
  Scrub scrub(disk);
  const Scrub::Slice slice = scrub.step(100).value();
  CHECK(slice.round_ended);
  CHECK(slice.bytes == 0);
}
