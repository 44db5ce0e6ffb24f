#include "history/directory_source.h"

#include <doctest/doctest.h>

#include "io/memory_disk.h"
#include "io/seeded_random.h"
#include "log/log.h"

using namespace ledger;
using history::DirectorySource;
using namespace std::chrono_literals;

namespace {

const Id cluster = *parse_id("3f2a0c11-7a10-4c00-8000-4b5a5e9d1c0a");

bool alone(Bytes configuration) {
  return configuration == "one voter";
}

Id id_numbered(uint64_t number) {
  Id id;
  id.bytes[0] = 1;
  id.bytes[15] = static_cast<uint8_t>(number);
  id.bytes[14] = static_cast<uint8_t>(number >> 8);
  return id;
}

std::string raw(uint64_t number, std::string_view body) {
  std::string out;
  encode_record(out, {.id = id_numbered(number), .body = body});
  return out;
}

/// A directory with a log of `entries`, each a list of records.
void write_log(io::MemoryDisk& disk, const char* configuration,
               const std::vector<std::vector<std::string>>& entries) {
  io::SeededRandom random(1);
  Entry entry;
  entry.index = Index(1);
  entry.term = Term(1);
  entry.kind = EntryKind::membership;
  entry.recorded = Time{1000};
  entry.payload = std::make_shared<const std::string>(configuration);
  REQUIRE(log::Log::create(disk, random, cluster, {.segment_bytes = 2 << 20}, entry));
  const auto log = log::Log::open(disk, random, cluster, {.segment_bytes = 2 << 20}).value();
  entry.kind = EntryKind::records;
  for (const auto& records : entries) {
    entry.index = log->last_index() + 1;
    entry.base_offset = log->next_offset();
    entry.record_count = static_cast<uint32_t>(records.size());
    entry.recorded = Time{log->last_recorded().ns + 10};
    std::string payload;
    for (const std::string& record : records) payload += record;
    entry.payload = std::make_shared<const std::string>(std::move(payload));
    REQUIRE(log->append({&entry, 1}));
    REQUIRE(log->drain());
  }
}

std::string read_all(DirectorySource& source, Offset from, Offset to, std::string& verdicts) {
  REQUIRE(source.seek(from, to, false));
  std::string records;
  Offset next = from;
  while (const std::optional<book::Decided> decided = source.next(0s).value()) {
    CHECK(decided->first == next);
    uint64_t counted = 0;
    for (const book::Run& run : decided->runs) counted += run.count;
    CHECK(counted == decided->verdicts.size());
    next = decided->next();
    records += decided->records;
    verdicts += decided->verdicts;
  }
  CHECK(next == to);
  return records;
}

}  // namespace

TEST_CASE("a directory gives every record with its verdict, from anywhere to anywhere, and again") {
  io::MemoryDisk disk;
  const std::vector<std::string> records = {raw(1, "a"), raw(2, "b"), raw(1, "a"), raw(2, "other"),
                                            raw(3, "c")};
  write_log(disk, "one voter", {{records[0], records[1]}, {records[2], records[3], records[4]}});
  const auto source = DirectorySource::open(disk, alone).value();
  CHECK(source->cluster() == cluster);
  REQUIRE(source->end().value() == Offset(5));
  for (uint64_t from = 0; from <= 5; ++from) {
    for (uint64_t to = from; to <= 5; ++to) {
      CAPTURE(from);
      CAPTURE(to);
      std::string verdicts;
      std::string wanted;
      for (uint64_t i = from; i < to; ++i) wanted += records[i];
      CHECK(read_all(*source, Offset(from), Offset(to), verdicts) == wanted);
      CHECK(verdicts == std::string("\0\0\xff\x01\0", 5).substr(from, to - from));
    }
  }
  CHECK(source->seek(Offset(6), Offset(6), false).error().code == Code::out_of_range);
}

TEST_CASE("records are found by offset and by time") {
  io::MemoryDisk disk;
  write_log(disk, "one voter", {{raw(1, "a"), raw(2, "b")}, {raw(3, "c")}});
  const auto source = DirectorySource::open(disk, alone).value();
  const auto [id, recorded] = source->identify(Offset(1)).value();
  CHECK(id == id_numbered(2));
  CHECK(source->find(recorded).value() == Offset(1));
  CHECK(source->find(Time{recorded.ns + 1}).value() == Offset(2));
  CHECK(source->find(Time{0}).value() == Offset(0));
  CHECK(source->find(Time{recorded.ns + 1000}).value() == Offset(3));
}

TEST_CASE("of several voters only what is known to be committed is read") {
  io::MemoryDisk disk;
  write_log(disk, "three voters", {{raw(1, "a")}, {raw(2, "b")}});
  CHECK(DirectorySource::open(disk, alone).value()->end().value() == Offset(0));
}

TEST_CASE("damage is told when it is reached, after everything before it") {
  io::MemoryDisk disk;
  std::vector<std::vector<std::string>> entries;
  for (uint64_t i = 0; i < 50; ++i) entries.push_back({raw(i + 1, std::string(1000, 'x'))});
  write_log(disk, "one voter", entries);
  disk.flip("segments/0000000000000001.seg", 30'000);
  const auto source = DirectorySource::open(disk, alone).value();
  REQUIRE(source->seek(Offset(0), source->end().value(), false));
  uint64_t count = 0;
  std::optional<Code> code;
  while (!code) {
    const auto decided = source->next(0s);
    if (!decided) {
      code = decided.error().code;
    } else {
      REQUIRE(*decided);
      count += (*decided)->verdicts.size();
    }
  }
  CHECK(code == Code::corrupt_segment);
  CHECK(count > 5);
  CHECK(count < 40);
}
