#include "log/scan.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "log/repair.h"
#include "log/test_entries.h"
#include "log/verify.h"

using namespace ledger;
using namespace ledger::log;

namespace {

constexpr Options small = {.segment_bytes = 16 << 10, .cache_bytes = 0};

/// A log of a few segments, closed cleanly.
struct World {
  io::MemoryDisk disk;
  io::SeededRandom random{1};
  std::vector<Entry> entries = {founding_entry()};

  explicit World(size_t count = 100, Index committed = Index(1000), bool idle = true) {
    REQUIRE(Log::create(disk, random, test_cluster(), small, founding_entry()));
    std::unique_ptr<Log> log = open();
    Maker maker(*log);
    log->set_committed(std::min(committed, Index(count + 1)));
    for (size_t i = 0; i < count; ++i) {
      entries.push_back(i % 7 == 3 ? maker.noop() : maker.records(3, 200));
      REQUIRE(log->append(std::span(&entries.back(), 1)));
      REQUIRE(log->drain());
    }
    if (idle) log->save_idle();
    REQUIRE(log->drain());
  }

  std::unique_ptr<Log> open() {
    Result<std::unique_ptr<Log>> log = Log::open(disk, random, test_cluster(), small);
    REQUIRE_MESSAGE(log, (log ? "" : log.error().message));
    return *std::move(log);
  }

  /// Whole entries that a scan returns; the error that ended it goes to `error`.
  std::vector<Scan::Item> scan(bool all = false, std::optional<Error>* error = nullptr) {
    Result<Scan> scan = Scan::open(disk);
    REQUIRE_MESSAGE(scan, (scan ? "" : scan.error().message));
    if (all) scan->read_all();
    std::vector<Scan::Item> items;
    for (;;) {
      Result<std::optional<Scan::Item>> item = scan->next();
      if (!item) {
        REQUIRE_MESSAGE(error != nullptr, item.error().message);
        *error = item.error();
        return items;
      }
      if (!*item) return items;
      REQUIRE(same((*item)->entry, entries[items.size()]));
      items.push_back(**item);
    }
  }

  /// Damages the payload of the entry with this index.
  Scan::Item flip(Index index) {
    const Scan::Item item = scan(true)[index.value - 1];
    disk.flip(item.path, item.position + frame_bytes + 3);
    return item;
  }
};

}  // namespace

TEST_CASE("a scan reads every entry of a clean log, also from a single file, and changes nothing") {
  World world;
  const uint64_t mutations = world.disk.mutations();
  CHECK(world.scan().size() == 101);
  Result<Scan> file = Scan::open_file(world.disk, segment_path(2));
  REQUIRE(file);
  size_t count = 0;
  while (std::optional<Scan::Item> item = file->next().value()) {
    CHECK(same(item->entry, world.entries[item->entry.index.value - 1]));
    ++count;
  }
  CHECK(count > 10);
  CHECK(world.disk.mutations() == mutations);
}

TEST_CASE("a scan ends at the stored commit index unless it is told to read all") {
  World world(100, Index(60));
  CHECK(world.scan().size() == 60);
  const std::vector<Scan::Item> all = world.scan(true);
  CHECK(all.size() == 101);
  CHECK_FALSE(all[59].uncommitted);
  CHECK(all[60].uncommitted);
  CHECK(Scan::open(world.disk)->configuration() == "the first members");
}

TEST_CASE("a scan that seeks an offset begins in its segment") {
  World world;
  Result<Scan> scan = Scan::open(world.disk);
  REQUIRE(scan);
  const Entry& sought = world.entries[90];
  scan->seek(sought.base_offset);
  const std::optional<Scan::Item> first = scan->next().value();
  REQUIRE(first);
  CHECK(first->entry.index > Index(50));
  CHECK(first->entry.base_offset <= sought.base_offset);
}

TEST_CASE("a log that is being written can be scanned at the same time") {
  World world(50);
  std::unique_ptr<Log> log = world.open();
  Maker maker(*log);
  size_t read = 0;
  // Each call of the writer to the disk finds a reader at work.
  std::vector<std::string> problems;
  bool inside = false;
  world.disk.before_call([&](io::Call call, const std::string&) {
    if (inside || !io::mutating(call)) return;
    inside = true;
    Result<Scan> scan = Scan::open(world.disk);
    if (!scan) problems.push_back(scan.error().message);
    for (size_t i = 0; scan; ++i) {
      const Result<std::optional<Scan::Item>> item = scan->next();
      if (!item) problems.push_back(item.error().message);
      if (!item || !*item) break;
      if (!same((*item)->entry, world.entries[i])) problems.push_back("another entry");
      read = i + 1;
    }
    inside = false;
  });
  for (int i = 0; i < 40; ++i) {
    world.entries.push_back(maker.records(2, 300));
    REQUIRE(log->append(std::span(&world.entries.back(), 1)));
    log->set_committed(log->last_index());
    REQUIRE(log->drain());
  }
  world.disk.before_call(nullptr);
  CHECK(problems.empty());
  if (!problems.empty()) MESSAGE(problems.front());
  CHECK(read > 80);
}

TEST_CASE("a clean log verifies, segment by segment") {
  World world;
  for (const bool fast : {false, true}) {
    const Result<VerifyReport> report = verify(world.disk, {.fast = fast, .index = true});
    REQUIRE(report);
    CHECK_FALSE(report->corrupt());
    CHECK_FALSE(report->torn());
    CHECK_FALSE(report->index_bad());
    REQUIRE(report->segments.size() > 3);
    uint64_t entries = 0;
    uint64_t records = 0;
    for (const SegmentReport& segment : report->segments) {
      CHECK(segment.first_index.value == entries + 1);
      CHECK(segment.first_offset.value == records);
      entries += segment.entries;
      records += segment.records;
      CHECK(segment.next_offset.value == records);
      CHECK(segment.newest.has_value());
      CHECK(segment.oldest <= segment.newest);
      CHECK(segment.state == (&segment == &report->segments.back() ? SegmentReport::State::open
                                                                   : SegmentReport::State::sealed));
    }
    CHECK(entries == 101);
    CHECK(records == world.entries.back().next_offset().value);
  }
}

TEST_CASE("damage is reported with its place, and everything before it is read") {
  for (const Index index : {Index(6), Index(101)}) {
    World world;
    const Scan::Item item = world.flip(index);
    std::optional<Error> error;
    CHECK(world.scan(true, &error).size() == index.value - 1);
    REQUIRE(error);
    CHECK(error->code == Code::corrupt_segment);
    CHECK(error->message.starts_with(
        fmt::format("{}: bad CRC at byte {} (record offset {}): stored ", item.path, item.position,
                    item.entry.base_offset.value)));

    const Result<VerifyReport> report = verify(world.disk, {});
    REQUIRE(report);
    CHECK(report->corrupt());
    for (const SegmentReport& segment : report->segments) {
      const bool here = segment.path == item.path;
      CHECK((segment.state == SegmentReport::State::corrupt) == here);
      if (!here) continue;
      REQUIRE(segment.damages.size() == 1);
      CHECK(segment.damages[0].position == item.position);
      CHECK(segment.damages[0].offset == item.entry.base_offset);
      CHECK(segment.damages[0].first_missing == index);
      CHECK(segment.damages[0].end_missing == index + 1);
      CHECK(segment.damages[0].stored_crc != segment.damages[0].computed_crc);
    }
  }
}

TEST_CASE("a missing segment is a gap between its neighbours") {
  World world;
  world.disk.lose(segment_path(3));
  std::optional<Error> error;
  const size_t read = world.scan(true, &error).size();
  REQUIRE(error);
  CHECK(error->code == Code::offset_gap);
  CHECK(error->message.find("are missing between segments/0000000000000002.seg and "
                            "segments/0000000000000004.seg") != std::string::npos);
  CHECK(read > 10);
  CHECK(verify(world.disk, {})->corrupt());
}

TEST_CASE("a lost newest segment is missed") {
  World world;
  const Result<VerifyReport> before = verify(world.disk, {});
  world.disk.lose(before->segments.back().path);
  const Result<VerifyReport> report = verify(world.disk, {});
  REQUIRE(report);
  REQUIRE(report->others.size() == 1);
  CHECK(report->others[0].error.code == Code::offset_gap);
  CHECK(report->others[0].path == before->segments.back().path);
}

TEST_CASE("a torn tail is told from damage and cut by a repair, which keeps what it cuts") {
  World world(20, Index(1000), false);
  const Scan::Item last = world.flip(Index(21));
  const Result<VerifyReport> report = verify(world.disk, {});
  REQUIRE(report);
  CHECK(report->torn());
  CHECK_FALSE(report->corrupt());
  REQUIRE(report->segments.back().torn);
  CHECK(report->segments.back().torn->position == last.position);

  const Result<RepairPlan> plan = plan_repair(world.disk, std::nullopt);
  REQUIRE(plan);
  REQUIRE(plan->steps.size() == 3);
  CHECK(plan->torn);
  REQUIRE(repair(world.disk, world.random, *plan));
  CHECK_FALSE(verify(world.disk, {})->torn());
  const std::string kept = fmt::format("{}.cut-{}", last.path, last.entry.base_offset.value);
  CHECK(world.disk.bytes(kept).size() == plan->bytes);
  CHECK(world.open()->last_index() == Index(20));
  CHECK(plan_repair(world.disk, std::nullopt)->steps.empty());
}

TEST_CASE("damage is cut only where somebody says so, and then for good") {
  World world;
  const Scan::Item bad = world.flip(Index(41));
  const Result<RepairPlan> refused = plan_repair(world.disk, std::nullopt);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Code::corrupt_segment);
  // Not behind the damage, and not past the end.
  for (const uint64_t more : {10, 10000}) {
    const Result<RepairPlan> behind = plan_repair(world.disk, bad.entry.base_offset + more);
    REQUIRE_FALSE(behind);
    CHECK(behind.error().code == Code::corrupt_segment);
  }

  const Result<RepairPlan> plan = plan_repair(world.disk, bad.entry.base_offset);
  REQUIRE(plan);
  CHECK(plan->last.index == Index(40));
  CHECK(plan->next_offset == bad.entry.base_offset);
  REQUIRE(repair(world.disk, world.random, *plan));
  CHECK_FALSE(verify(world.disk, {})->corrupt());

  world.disk.crash();
  std::unique_ptr<Log> log = world.open();
  CHECK(log->last_index() == Index(40));
  CHECK(log->recovered().committed == Index(40));
  CHECK_FALSE(log->recovered().torn);
  const std::vector<Entry> found = log->read(Index(1), Index(41), SIZE_MAX / 4).value();
  for (size_t i = 0; i < 40; ++i) CHECK(same(found[i], world.entries[i]));
  Maker maker(*log);
  CHECK(maker.offset == bad.entry.base_offset);
  const Entry next = maker.records(1, 10);
  REQUIRE(log->append(std::span(&next, 1)));
  REQUIRE(log->drain());
}

TEST_CASE(
    "a cut inside a batch takes the whole batch, and whole segments after it are kept aside") {
  World world;
  const Entry& entry = world.entries[30];
  REQUIRE(entry.record_count == 3);
  const Result<RepairPlan> plan = plan_repair(world.disk, entry.base_offset + 1);
  REQUIRE(plan);
  CHECK(plan->next_offset == entry.base_offset);
  CHECK(plan->records == world.entries.back().next_offset() - entry.base_offset);
  CHECK(plan->committed == plan->records);
  CHECK(plan->given_up.size() >= 2);
  REQUIRE(repair(world.disk, world.random, *plan));
  CHECK(world.open()->next_offset() == entry.base_offset);
  size_t kept = 0;
  for (const std::string& path : world.disk.files()) {
    kept += path.find(".cut-") != std::string::npos ? 1 : 0;
  }
  CHECK(kept == 1 + plan->given_up.size());
}

TEST_CASE("a repair makes the best of a lost segment and of a lost newest one") {
  for (const uint64_t lost : {3, 0}) {
    World world;
    const std::string path =
        lost != 0 ? segment_path(lost) : verify(world.disk, {})->segments.back().path;
    world.disk.lose(path);
    Result<Scan> scan = Scan::open(world.disk);
    scan->read_all();
    while (scan->next().value_or(std::nullopt)) {
    }
    const Offset end = scan->tip().next_offset;
    const Result<RepairPlan> plan = plan_repair(world.disk, end);
    REQUIRE_MESSAGE(plan, (plan ? "" : plan.error().message));
    REQUIRE(repair(world.disk, world.random, *plan));
    CHECK_FALSE(verify(world.disk, {})->corrupt());
    CHECK(world.open()->next_offset() == end);
  }
}

TEST_CASE("a repair that crashes anywhere is done by doing it again") {
  World prepared;
  const Scan::Item bad = prepared.flip(Index(41));
  const RepairPlan plan = plan_repair(prepared.disk, bad.entry.base_offset).value();
  bool finished = false;
  for (uint64_t nth = 1; !finished; ++nth) {
    CAPTURE(nth);
    REQUIRE(nth < 100);
    io::MemoryDisk disk = prepared.disk;
    disk.stop_at({.nth = nth});
    finished = repair(disk, prepared.random, plan).has_value();
    disk.crash({.seed = nth, .writes = io::Writes::drawn, .names = io::Names::drawn});
    const Result<RepairPlan> again = plan_repair(disk, bad.entry.base_offset);
    REQUIRE_MESSAGE(again, (again ? "" : again.error().message));
    REQUIRE(repair(disk, prepared.random, *again));
    const auto log = Log::open(disk, prepared.random, test_cluster(), small);
    REQUIRE_MESSAGE(log, (log ? "" : log.error().message));
    CHECK((*log)->last_index() == Index(40));
  }
}

TEST_CASE("a log that grows between two looks of a scan is not called damaged") {
  constexpr Options large = {.segment_bytes = 4 << 20, .cache_bytes = 0};
  io::MemoryDisk disk;
  io::SeededRandom random(1);
  REQUIRE(Log::create(disk, random, test_cluster(), large, founding_entry()));
  std::unique_ptr<Log> log = Log::open(disk, random, test_cluster(), large).value();
  Maker maker(*log);
  std::vector<Entry> entries = {founding_entry()};
  const auto write = [&] {
    // The first reaches far behind what the scan reads at once, the second testifies for it.
    for (const size_t body : {400'000, 100}) {
      entries.push_back(maker.records(1, body));
      REQUIRE(log->append(std::span(&entries.back(), 1)));
      REQUIRE(log->drain());
    }
  };
  bool grown = true;
  for (uint64_t nth = 1; grown; ++nth) {
    CAPTURE(nth);
    grown = false;
    uint64_t reads = 0;
    disk.before_call([&](io::Call call, const std::string&) {
      if (call != io::Call::read || ++reads != nth) return;
      grown = true;
      write();
    });
    Result<Scan> scan = Scan::open(disk);
    REQUIRE_MESSAGE(scan, (scan ? "" : scan.error().message));
    scan->read_all();
    size_t count = 0;
    for (;;) {
      const Result<std::optional<Scan::Item>> item = scan->next();
      REQUIRE_MESSAGE(item, (item ? "" : item.error().message));
      if (!*item) break;
      REQUIRE(same((*item)->entry, entries[count]));
      ++count;
    }
    CHECK(count >= entries.size() - (grown ? 2 : 0));
    if (nth == 60) break;
  }
}
