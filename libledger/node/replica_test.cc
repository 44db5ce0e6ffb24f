#include "node/replica.h"

#include <doctest/doctest.h>

#include "io/manual_clock.h"
#include "io/memory_disk.h"
#include "io/seeded_random.h"

using namespace ledger;
using namespace std::chrono_literals;

namespace {

const MemberId member(7);
const Id cluster = *parse_id("3f2a0c11-7a10-4c00-8000-4b5a5e9d1c0a");

Id id_numbered(uint64_t number) {
  Id id;
  id.bytes[0] = 1;
  for (size_t i = 0; i < 8; ++i) id.bytes[15 - i] = static_cast<uint8_t>(number >> (8 * i));
  return id;
}

rpc::Proposal raw(std::initializer_list<std::pair<uint64_t, const char*>> records) {
  rpc::Proposal proposal;
  for (const auto& [number, body] : records) {
    encode_record(proposal.packed, {.id = id_numbered(number), .body = body});
    ++proposal.count;
  }
  return proposal;
}

/// One voter on a disk that can crash, driven by hand: nothing happens between two calls.
struct Single {
  io::MemoryDisk disk;
  io::SeededRandom random{1};
  io::ManualClock clock;
  std::unique_ptr<log::Log> log;
  std::unique_ptr<node::Replica> replica;

  Single() {
    raft::Configuration founders;
    founders.members.push_back({member, raft::Standing::voter, "n1", "127.0.0.1:17400"});
    Entry founding;
    founding.index = Index(1);
    founding.term = Term(1);
    founding.kind = EntryKind::membership;
    founding.recorded = clock.wall();
    founding.payload = std::make_shared<const std::string>(founders.encode());
    REQUIRE(log::Log::create(disk, random, cluster, {.segment_bytes = 2 << 20}, founding));
    open();
  }

  node::Now now() { return {clock.now(), clock.wall()}; }

  void open() {
    replica.reset();
    log.reset();
    log = log::Log::open(disk, random, cluster, {.segment_bytes = 2 << 20}).value();
    replica = std::make_unique<node::Replica>(
        node::Self{member, "n1", cluster, "127.0.0.1:17400", "test", {}}, *log,
        raft::make_engine(member, {}, 1));
    REQUIRE(replica->start(now()));
    settle();
  }

  void turn() { REQUIRE(replica->turn(now())); }
  void drain() {
    const Result<log::Synced> synced = log->drain();
    REQUIRE(synced);
    REQUIRE(replica->synced(now(), synced->took));
  }
  /// Goes on until nothing is left to write.
  void settle() {
    turn();
    while (log->has_writes()) {
      drain();
      turn();
    }
  }
};

struct Heard {
  std::optional<rpc::Answer<rpc::Outcome>> answer;
  rpc::Reply<rpc::Outcome> reply() {
    return [this](rpc::Answer<rpc::Outcome> given) {
      REQUIRE_FALSE(answer);
      answer = std::move(given);
    };
  }
  const rpc::Outcome& outcome() const {
    REQUIRE(answer);
    REQUIRE(*answer);
    return **answer;
  }
};

}  // namespace

TEST_CASE("a record is answered when it is on disk, and not before") {
  Single node;
  Heard heard;
  node.replica->propose(raw({{1, "a"}, {2, "b"}}), heard.reply());
  node.turn();
  CHECK_FALSE(heard.answer);
  node.drain();
  node.turn();
  CHECK(heard.outcome().offsets == std::vector<Offset>{Offset(0), Offset(1)});
  CHECK(heard.outcome().duplicates.empty());
  CHECK(node.replica->history().end() == Offset(2));
}

TEST_CASE("what was answered is there after a crash, and its id is known") {
  Single node;
  Heard first;
  node.replica->propose(raw({{1, "a"}}), first.reply());
  node.settle();
  CHECK(first.outcome().offsets.front() == Offset(0));

  node.disk.crash();
  node.open();
  Heard again;
  node.replica->propose(raw({{1, "a"}}), again.reply());
  node.settle();
  CHECK(again.outcome().offsets.front() == Offset(0));
  CHECK(again.outcome().duplicates == std::vector<uint32_t>{0});
  CHECK(node.replica->history().end() == Offset(1));
}

TEST_CASE("each start has a term of its own") {
  Single node;
  const Term first = node.replica->term();
  node.disk.crash();
  node.open();
  CHECK(node.replica->term() > first);
  CHECK(node.replica->role() == "leader");
}

TEST_CASE("one id stands in the log once, however its repetitions arrive") {
  Single node;
  Heard inside, waiting, in_flight, after;
  SUBCASE("twice in one request") {
    node.replica->propose(raw({{1, "a"}, {1, "a"}, {2, "b"}}), inside.reply());
    node.settle();
    CHECK(inside.outcome().offsets == std::vector<Offset>{Offset(0), Offset(0), Offset(1)});
    CHECK(inside.outcome().duplicates == std::vector<uint32_t>{1});
    CHECK(node.replica->history().end() == Offset(2));
  }
  SUBCASE("while the first waits, is written, and is done") {
    node.replica->propose(raw({{1, "a"}}), inside.reply());
    node.replica->propose(raw({{1, "a"}}), waiting.reply());
    node.turn();
    node.replica->propose(raw({{1, "a"}}), in_flight.reply());
    node.turn();
    CHECK_FALSE(in_flight.answer);
    node.settle();
    node.replica->propose(raw({{1, "a"}}), after.reply());
    node.settle();
    for (const Heard* heard : {&inside, &waiting, &in_flight, &after}) {
      CHECK(heard->outcome().offsets.front() == Offset(0));
      CHECK(heard->outcome().duplicates.size() == (heard == &inside ? 0 : 1));
    }
    CHECK(node.replica->history().end() == Offset(1));
  }
  SUBCASE("with other bytes it is a conflict, and takes no offset") {
    node.replica->propose(raw({{1, "a"}}), inside.reply());
    rpc::Proposal other = raw({{1, "x"}});
    other.decisions = true;
    node.replica->propose(std::move(other), waiting.reply());
    node.settle();
    CHECK(waiting.outcome().refused == std::vector<uint32_t>{0});
    const book::Decision& decision = waiting.outcome().decisions.front();
    CHECK(decision.verdict.code == book::Code::id_conflict);
    CHECK(decision.verdict.detail.first_offset == Offset(0));
    CHECK(decision.verdict.detail.field == "body");
    CHECK(node.replica->history().end() == Offset(1));
  }
}

TEST_CASE("an id that can't be looked up is not taken for a new one") {
  Single node;
  Heard first, again;
  node.replica->propose(raw({{1, "a"}}), first.reply());
  node.settle();
  node.open();  // So that the record is on disk only.
  const Index before = node.log->last_index();
  node.disk.fail({.call = io::Call::read, .from_then_on = true});
  node.replica->propose(raw({{2, "b"}, {1, "a"}}), again.reply());
  CHECK_FALSE(node.replica->turn(node.now()));
  CHECK(node.log->last_index() == before);
  node.replica->abandon({{Code::io, "n1 stopped"}});
  REQUIRE(again.answer);
  CHECK_FALSE(*again.answer);
}

TEST_CASE("proposals that come while the disk is busy are merged into one entry") {
  Single node;
  std::vector<Heard> heard(100);
  for (size_t i = 0; i < 2; ++i) {
    node.replica->propose(raw({{i + 1, "early"}}), heard[i].reply());
    node.turn();
  }
  const Index before = node.log->last_index();
  for (size_t i = 2; i < heard.size(); ++i) {
    node.replica->propose(raw({{i + 1, "merged"}}), heard[i].reply());
    node.turn();
  }
  CHECK(node.log->last_index() == before);  // the disk has two submissions to do
  node.settle();
  CHECK(node.log->last_index() == before + 1);
  for (size_t i = 0; i < heard.size(); ++i) CHECK(heard[i].outcome().offsets.front() == Offset(i));
}

TEST_CASE("proposals are merged into entries of up to 64 KiB; a larger one is an entry whole") {
  Single node;
  const std::string part(25 << 10, 'x');
  const std::string large(100 << 10, 'x');
  std::vector<Heard> heard(4);
  const Index before = node.log->last_index();
  node.replica->propose(raw({{1, part.c_str()}}), heard[0].reply());
  node.replica->propose(raw({{2, part.c_str()}}), heard[1].reply());
  node.replica->propose(raw({{3, part.c_str()}, {4, large.c_str()}}), heard[2].reply());
  node.replica->propose(raw({{5, "small"}}), heard[3].reply());
  node.settle();
  CHECK(node.log->last_index() == before + 3);
  const std::vector<Entry> entries =
      node.log->read(before + 1, before + 4, entry_bytes_max).value();
  REQUIRE(entries.size() == 3);
  CHECK(entries[0].record_count == 2);
  CHECK(entries[1].record_count == 2);
  CHECK(entries[2].record_count == 1);
}

TEST_CASE("fewer proposals than are under way wait for more, and not for long") {
  Single node;
  std::vector<Heard> heard(4);
  for (uint64_t i = 0; i < 2; ++i) {
    node.replica->propose(raw({{i + 1, "early"}}), heard[i].reply());
  }
  node.turn();
  const Index early = node.log->last_index();
  const std::string large(64 << 10, 'x');
  SUBCASE("until those are committed") {
    node.replica->propose(raw({{3, "late"}}), heard[2].reply());
    node.turn();
    CHECK(node.log->last_index() == early);
    node.drain();
  }
  SUBCASE("or for a millisecond") {
    node.replica->propose(raw({{3, "late"}}), heard[2].reply());
    CHECK(node.replica->turn(node.now()).value() == node.clock.now() + 1ms);
    node.clock.advance(999us);
    node.turn();
    CHECK(node.log->last_index() == early);
    node.clock.advance(1us);
  }
  SUBCASE("or until as many wait") {
    node.replica->propose(raw({{3, "late"}}), heard[2].reply());
    node.turn();
    CHECK(node.log->last_index() == early);
    node.replica->propose(raw({{4, "late"}}), heard[3].reply());
  }
  SUBCASE("or what waits is large") {
    node.replica->propose(raw({{3, large.c_str()}}), heard[2].reply());
  }
  node.turn();
  CHECK(node.log->last_index() == early + 1);
  node.settle();
  for (uint64_t i = 0; i < node.replica->history().end().value; ++i) {
    CHECK(heard.at(i).outcome().offsets.front() == Offset(i));
  }
  CHECK(node.replica->history().end() >= Offset(3));
}

TEST_CASE("what waits for a slow disk is bounded: the rest is refused, and nothing is lost") {
  Single node;
  const std::string body(1 << 19, 'x');
  std::vector<Heard> heard(200);
  for (size_t i = 0; i < heard.size(); ++i) {
    node.replica->propose(raw({{i + 1, body.c_str()}}), heard[i].reply());
    node.turn();
  }
  const auto refused = std::ranges::find_if(heard, [](const Heard& one) { return !!one.answer; });
  REQUIRE(refused != heard.end());
  CHECK(refused->answer->error().error.code == Code::busy);
  const auto waiting = static_cast<size_t>(refused - heard.begin());
  CHECK(waiting >= 100);  // 64 MiB and what was submitted
  for (auto one = refused; one != heard.end(); ++one) CHECK(one->answer);

  node.settle();
  for (size_t i = 0; i < waiting; ++i) CHECK(heard[i].outcome().offsets.front() == Offset(i));
  Heard later;
  node.replica->propose(raw({{waiting + 1, "again"}}), later.reply());
  node.settle();
  CHECK(later.outcome().offsets.front() == Offset(waiting));
}

TEST_CASE("a disk that is slow is waited for, not asked again and again") {
  Single node;
  Heard heard;
  node.replica->propose(raw({{1, "a"}}), heard.reply());
  for (int i = 0; i < 20; ++i) {
    const Result<Instant> wake = node.replica->turn(node.now());
    REQUIRE(wake);
    CHECK(*wake > node.clock.now());
    node.clock.advance(std::chrono::milliseconds(100));
  }
  CHECK_FALSE(heard.answer);
}

TEST_CASE("more readers than fit are refused") {
  Single node;
  size_t busy = 0;
  const auto reply = [&busy](rpc::Answer<std::reference_wrapper<const rpc::View>> answer) {
    busy += !answer && answer.error().error.code == Code::busy ? 1 : 0;
  };
  const rpc::Freshness linearizable{.kind = rpc::Freshness::Kind::linearizable, .at_least = {}};
  for (size_t i = 0; i < 100'001; ++i) node.replica->read(node.now(), linearizable, reply);
  CHECK(busy == 1);
  node.settle();
  node.replica->read(node.now(), linearizable, reply);
  node.settle();
  CHECK(busy == 1);
}

TEST_CASE("times of records rise with their offsets, whatever the clock does") {
  Single node;
  Heard first, second;
  node.replica->propose(raw({{1, "a"}, {2, "b"}}), first.reply());
  node.settle();
  node.clock.set_wall(Time{node.clock.wall().ns - 1'000'000'000});
  node.replica->propose(raw({{3, "c"}}), second.reply());
  node.settle();
  CHECK(second.outcome().recorded == Time{first.outcome().recorded.ns + 1});
}

TEST_CASE("a read sees what was acknowledged before, and waits for what it asks to be applied") {
  Single node;
  Heard heard;
  node.replica->propose(raw({{1, "a"}}), heard.reply());
  node.settle();
  std::optional<Offset> seen;
  const auto look = [&seen](rpc::Answer<std::reference_wrapper<const rpc::View>> view) {
    REQUIRE(view);
    seen = view->get().book().next_offset();
  };
  node.replica->read(node.now(), {}, look);
  node.turn();
  CHECK(seen == Offset(1));

  seen.reset();
  node.replica->read(node.now(), {rpc::Freshness::Kind::at_least, Offset(1)}, look);
  node.turn();
  CHECK_FALSE(seen);
  Heard heard_again;
  node.replica->propose(raw({{2, "b"}}), heard_again.reply());
  node.settle();
  CHECK(seen == Offset(2));
}

TEST_CASE("a read whose record does not come is given up") {
  Single node;
  std::optional<Code> code;
  node.replica->read(node.now(), {rpc::Freshness::Kind::at_least, Offset(99)},
                     [&code](rpc::Answer<std::reference_wrapper<const rpc::View>> view) {
                       REQUIRE_FALSE(view);
                       code = view.error().error.code;
                     });
  node.turn();
  CHECK_FALSE(code);
  node.clock.advance(31s);
  node.turn();
  CHECK(code == Code::timeout);
}

TEST_CASE("a watch is told once, when there is more, and can be taken back") {
  Single node;
  std::vector<Offset> told;
  const auto tell = [&told](rpc::Answer<Offset> end) { told.push_back(end.value()); };
  node.replica->watch(1, Offset(0), tell);
  node.replica->watch(2, Offset(0), tell);
  node.replica->unwatch(2);
  node.turn();
  CHECK(told.empty());
  Heard heard;
  node.replica->propose(raw({{1, "a"}, {2, "b"}}), heard.reply());
  node.settle();
  CHECK(told == std::vector<Offset>{Offset(2)});
}

TEST_CASE(
    "a full disk refuses writes, goes on reading, and takes writes again when there is room") {
  Single node;
  const std::string body(900'000, 'x');
  uint64_t number = 0;
  uint64_t acknowledged = 0;
  const auto write = [&] {
    rpc::Proposal proposal;
    encode_record(proposal.packed, {.id = id_numbered(++number), .body = body});
    proposal.count = 1;
    Heard heard;
    node.replica->propose(std::move(proposal), heard.reply());
    node.settle();
    REQUIRE(heard.answer);
    if (*heard.answer) ++acknowledged;
    return *heard.answer ? std::optional<Code>() : heard.answer->error().error.code;
  };
  uint64_t used = 0;
  for (const std::string& path : node.disk.files()) used += node.disk.bytes(path).size();
  node.disk.set_quota(used);
  std::optional<Code> refused;
  for (int i = 0; i < 20 && !refused; ++i) refused = write();
  CHECK(refused == Code::no_space);
  CHECK(node.replica->history().end() == Offset(acknowledged));

  node.disk.set_quota({});
  node.drain();  // tries again
  while (node.log->has_preparation()) node.drain();
  CHECK_FALSE(write());
  CHECK(node.replica->history().end() == Offset(acknowledged));
}

TEST_CASE("a failed sync stops everything, and nothing more is acknowledged") {
  Single node;
  Heard heard;
  node.replica->propose(raw({{1, "a"}}), heard.reply());
  node.turn();
  node.disk.fail({.call = io::Call::sync, .from_then_on = true});
  CHECK_FALSE(node.log->drain());
  node.turn();
  CHECK_FALSE(heard.answer);
  node.replica->abandon({{Code::io, "n1 stopped"}});
  REQUIRE(heard.answer);
  CHECK(heard.answer->error().error.code == Code::unknown_outcome);
}
