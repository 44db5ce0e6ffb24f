#include "node/outbox.h"

#include <doctest/doctest.h>

#include "base/record.h"
#include "io/memory_disk.h"
#include "io/seeded_random.h"

using namespace ledger;

namespace {

const MemberId self(1), other(2), third(3);

struct Office {
  io::MemoryDisk disk;
  io::SeededRandom random{1};
  std::unique_ptr<log::Log> log;
  std::optional<node::Outbox> outbox;

  Office() {
    const Id cluster{{1, 2, 3}};
    REQUIRE(log::Log::create_empty(disk, random, cluster, {.segment_bytes = 1 << 20}));
    log = log::Log::open(disk, random, cluster, {.segment_bytes = 1 << 20}).value();
    outbox.emplace(*log);
  }

  /// Entries [first, last] of `term`, each with one record of `bytes`.
  void append(uint64_t first, uint64_t last, uint64_t term, size_t bytes = 100) {
    std::vector<Entry> entries;
    for (uint64_t index = first; index <= last; ++index) {
      Entry& entry = entries.emplace_back();
      entry.index = Index(index);
      entry.term = Term(term);
      entry.kind = EntryKind::records;
      entry.base_offset = Offset(index - 1);
      entry.record_count = 1;
      entry.recorded = Time{static_cast<int64_t>(1000 * index)};
      std::string payload;
      Id id;
      id.bytes[0] = static_cast<uint8_t>(index);
      id.bytes[1] = static_cast<uint8_t>(term);
      encode_record(payload, {.id = id, .body = std::string(bytes, 'x')});
      entry.payload = std::make_shared<const std::string>(std::move(payload));
    }
    REQUIRE(log->append(entries));
    REQUIRE(log->drain());
  }

  void send(uint64_t previous, uint64_t previous_term, uint32_t count, uint64_t term = 1,
            MemberId to = other) {
    raft::Message message{.from = self, .to = to, .term = Term(term), .body = {}};
    message.body = raft::AppendEntries{Index(previous), Term(previous_term), Index(0), count, {}};
    outbox->put(std::move(message));
  }
  void probe(uint64_t round) {
    raft::Message message{.from = self, .to = other, .term = Term(1), .body = {}};
    message.body = raft::ReadProbe{round};
    outbox->put(std::move(message));
  }

  std::vector<raft::Message> take(size_t bytes_max, MemberId to = other) {
    return outbox->take(to, bytes_max).value();
  }
};

/// The indices that a message carries, as "previous+first..last", or its kind.
std::string text(const raft::Message& message) {
  if (const auto* body = std::get_if<raft::AppendEntries>(&message.body)) {
    std::string line = std::to_string(body->previous_index.value) + "^" +
                       std::to_string(body->previous_term.value);
    REQUIRE(body->count == body->entries.size());
    for (const Entry& entry : body->entries) line += " " + std::to_string(entry.index.value);
    return line;
  }
  return "probe " + std::to_string(std::get<raft::ReadProbe>(message.body).round);
}

std::vector<std::string> texts(const std::vector<raft::Message>& messages) {
  std::vector<std::string> lines;
  for (const raft::Message& message : messages) lines.push_back(text(message));
  return lines;
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("messages leave in their order, each to its member") {
  Office office;
  office.append(1, 4, 1);
  office.send(0, 0, 2);
  office.probe(7);
  office.send(0, 0, 1, 1, third);
  office.send(2, 1, 2);
  CHECK(texts(office.take(1 << 20)) == Lines{"0^0 1 2", "probe 7", "2^1 3 4"});
  CHECK(texts(office.take(1 << 20, third)) == Lines{"0^0 1"});
  CHECK(office.take(1 << 20).empty());
}

TEST_CASE("a long range leaves in pieces that follow on one another") {
  Office office;
  office.append(1, 5, 1, 1000);
  office.send(0, 0, 5);
  office.probe(1);
  CHECK(texts(office.take(2100)) == Lines{"0^0 1 2"});
  CHECK(texts(office.take(2100)) == Lines{"2^1 3 4"});
  CHECK(texts(office.take(2100)) == Lines{"4^1 5", "probe 1"});
}

TEST_CASE("a message that is said again is sent once") {
  Office office;
  office.append(1, 5, 1);
  office.send(0, 0, 2);
  office.send(2, 1, 0);
  office.send(0, 0, 5);  // the backlog, once more
  CHECK(texts(office.take(1 << 20)) == Lines{"0^0 1 2 3 4 5"});

  office.send(2, 1, 3);
  office.send(0, 0, 2);
  CHECK(texts(office.take(1 << 20)) == Lines{"2^1 3 4 5", "0^0 1 2"});
}

TEST_CASE("what was under way when the log was cut does not leave") {
  Office office;
  office.append(1, 5, 1, 1000);
  office.send(0, 0, 5);
  CHECK(texts(office.take(2100)) == Lines{"0^0 1 2"});
  office.append(2, 6, 2);
  office.probe(1);
  CHECK(texts(office.take(1 << 20)) == Lines{"probe 1"});
  office.send(5, 2, 1, 2);
  CHECK(texts(office.take(1 << 20)) == Lines{"5^2 6"});
}

TEST_CASE("a member that takes nothing costs a bounded queue, and only itself") {
  Office office;
  office.append(1, 1, 1);
  for (uint64_t round = 1; round <= 10'000; ++round) office.probe(round);
  office.send(0, 0, 1, 1, third);
  CHECK(office.outbox->dropped() > 0);
  const auto kept = office.take(10 << 20);
  CHECK(kept.size() + office.outbox->dropped() == 10'000);
  CHECK(text(kept.front()) == "probe 1");
  CHECK(texts(office.take(1 << 20, third)) == Lines{"0^0 1"});
}

TEST_CASE("what waits for one who is no member any more is forgotten") {
  Office office;
  office.probe(1);
  office.outbox->keep({third});
  CHECK(office.take(1 << 20).empty());
}
