#include "log/log.h"

#include <doctest/doctest.h>

#include "log/test_entries.h"

using namespace ledger;
using namespace ledger::log;

namespace {

constexpr Options small = {.segment_bytes = 16 << 10, .cache_bytes = 1 << 10};

std::unique_ptr<Log> open_log(io::Disk& disk, io::Random& random, const Options& options = small) {
  Result<std::unique_ptr<Log>> log = Log::open(disk, random, test_cluster(), options);
  REQUIRE_MESSAGE(log, (log ? "" : log.error().message));
  return *std::move(log);
}

std::unique_ptr<Log> new_log(io::Disk& disk, io::Random& random, const Options& options = small) {
  REQUIRE(Log::create(disk, random, test_cluster(), options, founding_entry()));
  return open_log(disk, random, options);
}

std::vector<Entry> all(const Log& log) {
  Result<std::vector<Entry>> entries = log.read(Index(1), log.last_index() + 1, SIZE_MAX / 4);
  REQUIRE_MESSAGE(entries, (entries ? "" : entries.error().message));
  return *std::move(entries);
}

}  // namespace

TEST_CASE("what is appended and drained is read back, before and after a power cut") {
  io::MemoryDisk disk;
  io::SeededRandom random(1);
  std::unique_ptr<Log> log = new_log(disk, random);
  Maker maker(*log);
  std::vector<Entry> expected = {founding_entry()};
  for (int i = 0; i < 200; ++i) {
    expected.push_back(i % 10 == 9 ? maker.noop() : maker.records(1 + i % 3, 100 + i));
    REQUIRE(log->append(std::span(&expected.back(), 1)));
    if (i % 3 == 0) {
      const Result<Synced> synced = log->drain();
      REQUIRE(synced);
      CHECK(synced->index == log->last_index());
    }
  }
  REQUIRE(log->drain());
  CHECK(log->synced_index() == Index(201));
  CHECK(log->size().first > 3);

  for (int round = 0; round < 2; ++round) {
    const std::vector<Entry> found = all(*log);
    REQUIRE(found.size() == expected.size());
    for (size_t i = 0; i < found.size(); ++i) CHECK(same(found[i], expected[i]));
    for (const Entry& entry : expected) {
      for (uint32_t i = 0; i < entry.record_count; ++i) {
        const auto at = log->read_at(entry.base_offset + i, log->last_index() + 1, 1);
        REQUIRE(at);
        REQUIRE(at->size() == 1);
        CHECK(same(at->front(), entry));
        const auto found_offset = log->find(Time{entry.recorded.ns + i}, log->last_index() + 1);
        REQUIRE(found_offset);
        CHECK(*found_offset == entry.base_offset + i);
      }
    }
    CHECK(log->find(Time{log->last_recorded().ns + 1}, log->last_index() + 1).value() ==
          log->next_offset());
    CHECK(log->find(Time{-5}, log->last_index() + 1).value() == Offset(0));
    disk.crash();
    log = open_log(disk, random);
    CHECK_FALSE(log->recovered().torn);
  }
}
