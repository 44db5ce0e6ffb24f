#include "log/log.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <utility>

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

TEST_CASE("a log is founded once, and not where there is one") {
  io::MemoryDisk disk;
  io::SeededRandom random(1);
  CHECK_FALSE(*Log::exists(disk));
  const auto none = Log::open(disk, random, test_cluster(), small);
  REQUIRE_FALSE(none);
  CHECK(none.error().code == Code::no_such_file);
  REQUIRE(Log::create(disk, random, test_cluster(), small, founding_entry()));
  CHECK(*Log::exists(disk));
  const auto again = Log::create(disk, random, test_cluster(), small, founding_entry());
  REQUIRE_FALSE(again);
  CHECK(again.error().code == Code::output_exists);

  const auto other = Log::open(disk, random, Id{}, small);
  REQUIRE_FALSE(other);
  CHECK(other.error().code == Code::cluster_id_mismatch);

  const std::unique_ptr<Log> log = open_log(disk, random);
  CHECK(log->last_index() == Index(1));
  CHECK(log->recovered().vote == Vote{Term(1), MemberId()});
  CHECK(log->recovered().checkpoint == Index(0));
  CHECK(log->recovered().entries.front().bytes() == founding_entry().bytes());
}

TEST_CASE("an empty log takes the first entry from elsewhere") {
  io::MemoryDisk disk;
  io::SeededRandom random(1);
  REQUIRE(Log::create_empty(disk, random, test_cluster(), small));
  std::unique_ptr<Log> log = open_log(disk, random);
  CHECK(log->last_index() == Index(0));
  CHECK(log->read(Index(1), Index(2), 1)->empty());
  CHECK(log->read_at(Offset(0), Index(9), 1)->empty());
  CHECK(*log->find(Time{5}, Index(9)) == Offset(0));
  const Entry first = founding_entry();
  REQUIRE(log->append(std::span(&first, 1)));
  // Cut the very first entry, which leaves a segment without a predecessor.
  Entry other = first;
  other.term = Term(2);
  REQUIRE(log->append(std::span(&other, 1)));
  REQUIRE(log->drain());
  disk.crash();
  log = open_log(disk, random);
  CHECK(log->last_term() == Term(2));
  CHECK(log->size().first == 1);
}

TEST_CASE("what does not follow is an internal error, and nothing is queued") {
  io::MemoryDisk disk;
  io::SeededRandom random(1);
  const std::unique_ptr<Log> log = new_log(disk, random);
  Maker maker(*log);
  std::vector<Entry> good = {maker.records(2, 10), maker.records(2, 10)};
  REQUIRE(log->append(good));
  REQUIRE(log->drain());
  log->set_committed(Index(2));
  const auto refused = [&](auto change) {
    Maker more(*log);
    Entry entry = more.records(2, 10);
    change(entry);
    const Result<void> appended = log->append(std::span(&entry, 1));
    return !appended && appended.error().code == Code::internal && !log->has_writes();
  };
  CHECK(refused([](Entry& entry) { entry.index = entry.index + 1; }));
  CHECK(refused([](Entry& entry) { entry.index = Index(0); }));
  CHECK(refused([](Entry& entry) { entry.term = Term(0); }));
  CHECK(refused([](Entry& entry) { entry.base_offset = entry.base_offset + 1; }));
  CHECK(refused([](Entry& entry) { entry.recorded = Time{1}; }));
  CHECK(refused([](Entry& entry) { entry.record_count = 3; }));
  CHECK(refused([](Entry& entry) { entry.kind = EntryKind::noop; }));
  CHECK(refused([](Entry& entry) {
    entry.payload = std::make_shared<const std::string>(std::string(entry_bytes_max + 1, '\0'));
  }));
  // A cut below what is committed.
  CHECK(refused([](Entry& entry) {
    entry.index = Index(2);
    entry.term = Term(5);
  }));
  CHECK(log->last_index() == Index(3));
  CHECK_FALSE(log->read(Index(5), Index(9), 1));
  CHECK_FALSE(log->read(Index(0), Index(9), 1));
  CHECK_FALSE(log->read_at(Offset(5), Index(9), 1));
  CHECK(log->read_at(Offset(4), Index(9), 1)->empty());
}

TEST_CASE("an entry of any size fits, and reads stop where they are told") {
  io::MemoryDisk disk;
  io::SeededRandom random(1);
  std::unique_ptr<Log> log = new_log(disk, random);
  Maker maker(*log);
  std::vector<Entry> expected = {founding_entry(), maker.records(1, 900'000), maker.records(1, 10),
                                 maker.records(1, 300'000), maker.records(1, 10)};
  REQUIRE(log->append(std::span(expected).subspan(1)));
  REQUIRE(log->drain());
  for (int round = 0; round < 2; ++round) {
    CHECK(all(*log).size() == 5);
    CHECK(log->read(Index(2), Index(9), 1)->size() == 1);
    CHECK(log->read(Index(2), Index(9), 950'000)->size() == 2);
    CHECK(log->read(Index(3), Index(4), SIZE_MAX / 4)->size() == 1);
    CHECK(log->read(Index(4), Index(4), 1)->empty());
    CHECK(same(log->read(Index(4), Index(5), 1)->front(), expected[3]));
    log = open_log(disk, random);
  }
}

TEST_CASE("the stored commit index names the checkpoint, with its configuration") {
  io::MemoryDisk disk;
  io::SeededRandom random(1);
  std::unique_ptr<Log> log = new_log(disk, random);
  Maker maker(*log);
  std::vector<Entry> entries;
  for (int i = 0; i < 100; ++i) {
    entries.push_back(i == 50 ? maker.membership("two members") : maker.records(1, 500));
  }
  REQUIRE(log->append(entries));
  REQUIRE(log->drain());
  // The leader commits beyond our disk's end: no more is stored than is here.
  log->set_committed(Index(500));
  log->save_idle();
  REQUIRE(log->drain());
  log = open_log(disk, random);
  const Recovered recovered = log->recovered();
  CHECK(recovered.committed == Index(101));
  CHECK(recovered.checkpoint > Index(52));
  CHECK(recovered.configuration == "two members");
  CHECK(recovered.configuration_index == Index(52));
  CHECK(recovered.checkpoint + recovered.entries.size() == Index(101));
}

TEST_CASE("no segment is prepared at one go, however many come one after the other") {
  io::MemoryDisk disk;
  io::SeededRandom random(1);
  const Options options = {.segment_bytes = 16 << 20};
  const std::unique_ptr<Log> log = new_log(disk, random, options);
  while (log->has_preparation()) REQUIRE(log->drain());
  Maker maker(*log);
  uint64_t segments = log->size().first;
  uint64_t before = options.segment_bytes;
  uint64_t most = 0;
  while (segments < 4) {
    const Entry entry = maker.records(1, 400'000);
    REQUIRE(log->append(std::span(&entry, 1)));
    REQUIRE(log->drain());
    if (std::exchange(segments, log->size().first) != segments) before = 0;  // It has become one.
    const auto next = disk.open(next_path, io::Access::read);
    const uint64_t now = next ? (*next)->size().value() : 0;
    most = std::max(most, now - before);
    before = now;
  }
  CHECK(most <= 4 << 20);
}

TEST_CASE("a segment is prepared while the one before it fills, and in idle time") {
  io::MemoryDisk disk;
  io::SeededRandom random(1);
  const Options options{.segment_bytes = 1 << 20};
  const std::unique_ptr<Log> log = new_log(disk, random, options);
  for (int i = 0; log->has_preparation(); ++i) {
    REQUIRE(i < 10);
    REQUIRE(log->drain());
  }
  CHECK(disk.bytes(next_path).size() == options.segment_bytes);
  Maker maker(*log);
  uint64_t number = 2;
  while (number < 4) {
    const Entry entry = maker.records(1, 20'000);
    REQUIRE(log->append(std::span(&entry, 1)));
    REQUIRE(log->drain());
    if (log->size().first < number) continue;
    // It was whole when it was needed, and is no longer there.
    CHECK(log->size().first == number);
    ++number;
  }
}

TEST_CASE("damage in a sealed segment is met by the reader, who gets all before it") {
  io::MemoryDisk disk;
  io::SeededRandom random(1);
  std::unique_ptr<Log> log = new_log(disk, random);
  Maker maker(*log);
  std::vector<Entry> entries;
  for (int i = 0; i < 100; ++i) entries.push_back(maker.records(1, 500));
  REQUIRE(log->append(entries));
  REQUIRE(log->drain());
  // What is committed is not read again at start, so that only a reader can meet it.
  log->set_committed(log->last_index());
  log->save_idle();
  REQUIRE(log->drain());
  log.reset();
  disk.flip(segment_path(1), 9000);
  log = open_log(disk, random);
  const auto before = log->read(Index(1), Index(50), SIZE_MAX / 4);
  REQUIRE(before);
  const Index bad(before->size() + 1);
  CHECK(bad > Index(5));
  CHECK(bad < Index(15));
  const auto there = log->read(bad, Index(50), 1);
  REQUIRE_FALSE(there);
  CHECK(there.error().code == Code::corrupt_segment);
  CHECK(log->read(log->last_index(), log->last_index() + 1, 1)->size() == 1);
}

TEST_CASE("an .idx file is made again when it is missing or damaged") {
  io::MemoryDisk disk;
  io::SeededRandom random(1);
  const Options options{.segment_bytes = 512 << 10, .cache_bytes = 0};
  std::unique_ptr<Log> log = new_log(disk, random, options);
  Maker maker(*log);
  std::vector<Entry> entries = {founding_entry()};
  for (int i = 0; i < 400; ++i) entries.push_back(maker.records(2, 1000));
  REQUIRE(log->append(std::span(entries).subspan(1)));
  REQUIRE(log->drain());
  const std::string whole = disk.bytes(index_path(1));
  CHECK(whole.size() > 64 + 16 + 6 * 32);
  log.reset();
  for (const bool missing : {true, false}) {
    missing ? disk.lose(index_path(1)) : disk.flip(index_path(1), 100);
    log = open_log(disk, random, options);
    for (const Entry& entry : entries) {
      const auto read = log->read(entry.index, entry.index + 1, 1);
      REQUIRE(read);
      REQUIRE(same(read->front(), entry));
    }
    CHECK(disk.bytes(index_path(1)) == whole);
    log.reset();
  }
}

TEST_CASE(
    "what was reserved is taken when the disk turns out full in between, and waits for room") {
  for (const bool reserved : {true, false}) {
    CAPTURE(reserved);
    io::MemoryDisk disk;
    io::SeededRandom random(1);
    const std::unique_ptr<Log> log = new_log(disk, random);
    while (log->has_preparation()) REQUIRE(log->drain());
    uint64_t used = 0;
    for (const std::string& path : disk.files()) used += disk.bytes(path).size();
    Maker maker(*log);
    const auto append = [&] {
      const Entry entry = maker.records(1, 4000);
      return log->append(std::span(&entry, 1));
    };
    // Two fill this segment, two the one that is prepared; then there is no other.
    disk.set_quota(used);
    for (int i = 0; i < 4; ++i) REQUIRE(append());
    if (reserved) REQUIRE(log->reserve(4100));
    REQUIRE(log->drain());
    REQUIRE(log->no_space());
    CHECK_FALSE(log->has_room(4100));
    const Index before = log->last_index();
    const Result<void> appended = append();
    CHECK(appended.has_value() == reserved);
    if (!reserved) continue;
    REQUIRE(log->drain());
    CHECK(log->waits_for_room());
    CHECK(log->synced_index() == before);
    CHECK_FALSE(log->reserve(1));
    disk.set_quota({});
    REQUIRE(log->drain());
    CHECK(log->synced_index() == before + 1);
    CHECK_FALSE(log->no_space());
  }
}

TEST_CASE("after a failed sync every call fails") {
  io::MemoryDisk disk;
  io::SeededRandom random(1);
  const std::unique_ptr<Log> log = new_log(disk, random);
  Maker maker(*log);
  const Entry entry = maker.records(1, 10);
  REQUIRE(log->append(std::span(&entry, 1)));
  disk.fail({.call = io::Call::sync});
  for (int i = 0; i < 3; ++i) {
    const Result<Synced> drained = log->drain();
    REQUIRE_FALSE(drained);
    CHECK(drained.error().code == Code::io);
  }
  CHECK(log->synced_index() == Index(1));
  CHECK_FALSE(log->has_room(1));
  const Entry next = maker.records(1, 10);
  CHECK_FALSE(log->append(std::span(&next, 1)));
}

TEST_CASE("a loop, a disk thread and readers work on one log at the same time") {
  io::MemoryDisk disk;
  io::SeededRandom random(1);
  const std::unique_ptr<Log> log = new_log(disk, random);
  constexpr uint64_t count = 2000;
  std::atomic<uint64_t> synced = 1;
  std::atomic<bool> done = false;
  std::atomic<int> problems = 0;
  std::thread disk_thread([&] {
    while (synced < count) {
      const Result<Synced> drained = log->drain();
      if (!drained) ++problems;
      if (drained && drained->index != Index(0)) synced = drained->index.value;
      std::this_thread::yield();
    }
  });
  const auto read = [&](uint64_t salt) {
    io::SeededRandom mine(salt);
    while (!done) {
      const Index from(1 + mine.below(synced));
      const auto entries = log->read(from, Index(synced + 1), 5000);
      if (!entries || entries->empty() || entries->front().index != from) ++problems;
      const auto found = log->read_at(Offset(mine.below(synced)), Index(synced + 1), 5000);
      if (!found) ++problems;
    }
  };
  std::thread first(read, 1);
  std::thread second(read, 2);
  Maker maker(*log);
  while (log->last_index() < Index(count)) {
    const Entry entry = maker.records(1, 50 + maker.index.value % 300);
    if (!log->append(std::span(&entry, 1))) ++problems;
    if (maker.index.value % 5 == 0) log->set_committed(log->synced_index());
    if (maker.index.value % 100 == 0) log->save_vote({log->last_term() + 1, MemberId(1)});
  }
  disk_thread.join();
  done = true;
  first.join();
  second.join();
  CHECK(problems == 0);
  CHECK(all(*log).size() == count);
}
