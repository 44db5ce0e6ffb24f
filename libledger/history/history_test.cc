#include "history/history.h"

#include <doctest/doctest.h>

#include "io/memory_disk.h"
#include "io/seeded_random.h"

using namespace ledger;

namespace {

const Id cluster = *parse_id("3f2a0c11-7a10-4c00-8000-4b5a5e9d1c0a");

Id id_numbered(uint64_t number) {
  Id id;
  id.bytes[0] = 1;
  for (size_t i = 0; i < 8; ++i) id.bytes[15 - i] = static_cast<uint8_t>(number >> (8 * i));
  return id;
}

std::string raw(uint64_t number, std::string_view body) {
  std::string out;
  encode_record(out, {.id = id_numbered(number), .body = body});
  return out;
}

/// A log of our own making with a history over it.
struct Told {
  io::MemoryDisk disk;
  io::SeededRandom random{1};
  std::unique_ptr<log::Log> log;
  std::unique_ptr<history::History> history;

  Told() {
    Entry founding;
    founding.index = Index(1);
    founding.term = Term(1);
    founding.kind = EntryKind::membership;
    founding.recorded = Time{1000};
    founding.payload = std::make_shared<const std::string>("members");
    REQUIRE(log::Log::create(disk, random, cluster, {.segment_bytes = 2 << 20}, founding));
    log = log::Log::open(disk, random, cluster, {.segment_bytes = 2 << 20}).value();
    begin_again();
  }

  /// Appends an entry with these records, each with its size.
  void append(std::initializer_list<std::string> records) {
    Entry entry;
    entry.index = log->last_index() + 1;
    entry.term = Term(1);
    entry.kind = EntryKind::records;
    entry.base_offset = log->next_offset();
    entry.recorded = Time{log->last_recorded().ns + 10};
    entry.record_count = static_cast<uint32_t>(records.size());
    std::string payload;
    for (const std::string& record : records) payload += record;
    entry.payload = std::make_shared<const std::string>(std::move(payload));
    REQUIRE(log->append({&entry, 1}));
    REQUIRE(log->drain());
  }

  /// Applies all of the log that is not applied yet.
  std::vector<book::Verdict> apply() {
    std::vector<book::Verdict> verdicts;
    while (history->applied() < log->last_index()) {
      const auto entries = log->read(history->applied() + 1, log->last_index() + 1, 1 << 20);
      for (const Entry& entry : entries.value()) {
        REQUIRE(history->apply(entry,
                               [&](const Stamp&, const RecordView&, const book::Verdict& verdict) {
                                 verdicts.push_back(verdict);
                               }));
      }
    }
    return verdicts;
  }

  void begin_again() {
    history = std::make_unique<history::History>(*log, std::array<uint8_t, 16>{});
  }
};

}  // namespace

TEST_CASE("records are decided in order, and a repetition is known by its first") {
  Told told;
  told.append({raw(1, "a"), raw(2, "b")});
  told.append({raw(1, "a"), raw(2, "other"), raw(3, "c")});
  const std::vector<book::Verdict> verdicts = told.apply();
  REQUIRE(verdicts.size() == 5);
  CHECK(verdicts[0] == book::Verdict{.first = Offset(0)});
  CHECK(verdicts[2].duplicate);
  CHECK(verdicts[2].first == Offset(0));
  CHECK(verdicts[3].code == book::Code::id_conflict);
  CHECK(verdicts[3].detail.first_offset == Offset(1));
  CHECK(told.history->end() == Offset(5));
  CHECK(told.history->find(id_numbered(3)).value() == Offset(4));
  CHECK_FALSE(told.history->find(id_numbered(4)).value());
}

TEST_CASE("a repetition is judged without the log as it would be within it") {
  Told told;
  told.append({raw(1, "a")});
  told.apply();
  const std::string same = raw(1, "a");
  const std::string other = raw(1, "x");
  const auto view = [](const std::string& packed) {
    Cursor cursor(packed);
    return view_record(*take_record(cursor));
  };
  const book::Verdict repeated = told.history->judge(Offset(0), view(same)).value();
  CHECK(repeated.duplicate);
  CHECK(repeated.code == book::Code::ok);
  const book::Verdict conflict = told.history->judge(Offset(0), view(other)).value();
  CHECK(conflict.code == book::Code::id_conflict);
  CHECK(conflict.detail.field == "body");
}

TEST_CASE("decided records are the same however they are cut, after a restart too") {
  Told told;
  told.append({raw(1, "a"), raw(2, std::string(300, 'b')), raw(1, "a")});
  told.append({raw(3, "")});
  told.append({raw(2, "not the same"), raw(4, "d"), raw(5, std::string(100, 'e'))});
  told.apply();
  const Offset end = told.history->end();
  const book::Decided whole = told.history->decided(Offset(0), end, 1 << 20).value();
  CHECK(whole.verdicts == std::string("\0\0\xff\0\x01\0\0", 7));
  REQUIRE(whole.details.size() == 1);
  CHECK(whole.details[0].first_offset == Offset(1));
  CHECK(whole.runs.size() == 3);

  told.begin_again();
  told.apply();
  for (size_t bytes_max = 1; bytes_max < whole.records.size() + 10; bytes_max += 7) {
    for (uint64_t from = 0; from < end.value; ++from) {
      CAPTURE(bytes_max);
      CAPTURE(from);
      std::string records;
      std::string verdicts;
      uint64_t counted = 0;
      for (Offset next(from); next < end;) {
        const book::Decided part = told.history->decided(next, end, bytes_max).value();
        REQUIRE(part.first == next);
        REQUIRE(part.next() > next);
        CHECK(count_records(part.records) == part.verdicts.size());
        for (const book::Run& run : part.runs) counted += run.count;
        records += part.records;
        verdicts += part.verdicts;
        next = part.next();
      }
      CHECK(whole.records.ends_with(records));
      CHECK(whole.verdicts.substr(from) == verdicts);
      CHECK(counted == end.value - from);
    }
  }
}

TEST_CASE("an entry is read from disk once, in however many pieces it is given out") {
  Told told;
  told.append({raw(1, "a"), raw(2, "b"), raw(3, "c"), raw(4, "d")});
  // What was appended lately is still in memory: a log that was opened again has it on disk only.
  told.log.reset();
  told.log = log::Log::open(told.disk, told.random, cluster, {.segment_bytes = 2 << 20}).value();
  told.begin_again();
  told.apply();
  const Offset end = told.history->end();
  const uint64_t reads_before = told.disk.calls(io::Call::read);
  Offset next = told.history->decided(Offset(0), end, 1).value().next();
  REQUIRE(next == Offset(1));
  const uint64_t reads = told.disk.calls(io::Call::read);
  REQUIRE(reads > reads_before);
  while (next < end) next = told.history->decided(next, end, 1).value().next();
  CHECK(told.disk.calls(io::Call::read) == reads);
}

TEST_CASE("runs say when each record was recorded, also in the middle of an entry") {
  Told told;
  told.append({raw(1, "a"), raw(2, "b"), raw(3, "c")});
  told.apply();
  const book::Decided all = told.history->decided(Offset(0), Offset(3), 1 << 20).value();
  const book::Decided last = told.history->decided(Offset(2), Offset(3), 1 << 20).value();
  CHECK(last.runs[0].recorded == Time{all.runs[0].recorded.ns + 2});
  CHECK(last.runs[0].count == 1);
}

TEST_CASE("nothing past the end is given out") {
  Told told;
  told.append({raw(1, "a")});
  told.apply();
  told.append({raw(2, "not applied")});
  CHECK(told.history->decided(Offset(1), Offset(2), 100).error().code == Code::out_of_range);
  CHECK(told.history->decided(Offset(1), Offset(1), 100).error().code == Code::out_of_range);
}
