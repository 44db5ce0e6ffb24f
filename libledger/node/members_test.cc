// Several replicas, connected by hand: who leads, who follows, who belongs to the cluster.
#include <doctest/doctest.h>

#include <cstring>
#include <deque>
#include <map>
#include <set>

#include "base/record.h"
#include "io/manual_clock.h"
#include "io/memory_disk.h"
#include "io/seeded_random.h"
#include "node/formation.h"
#include "node/outbox.h"
#include "node/replica.h"

using namespace ledger;
using namespace std::chrono_literals;

namespace {

const Id cluster = *parse_id("3f2a0c11-7a10-4c00-8000-4b5a5e9d1c0a");

struct Member {
  MemberId id;
  std::string name;
  io::MemoryDisk disk;
  std::unique_ptr<log::Log> log;
  std::unique_ptr<node::Outbox> outbox;
  std::unique_ptr<node::Replica> replica;
  uint64_t pull = 0;

  bool up() const { return replica != nullptr; }
};

/// A few members that hear each other at once, unless they are cut off.
class Group {
 public:
  explicit Group(size_t founders) {
    raft::Configuration configuration;
    for (uint64_t number = 1; number <= founders; ++number) {
      const std::string name = "n" + std::to_string(number);
      configuration.members.push_back({MemberId(number), raft::Standing::voter, name, name + ":1"});
    }
    founding_ = node::founding_entry(configuration, clock_.wall());
    for (const raft::Member& one : configuration.members) {
      Member& member = make(one.id.value, one.name);
      REQUIRE(log::Log::create(member.disk, random_, cluster, options_, founding_));
      start(member);
    }
  }

  /// A member with an empty log.
  Member& newcomer(uint64_t id, const std::string& name) {
    Member& member = make(id, name);
    REQUIRE(log::Log::create_empty(member.disk, random_, cluster, options_));
    start(member);
    return member;
  }

  Member& operator[](uint64_t id) { return members_.at(MemberId(id)); }

  void start(Member& member) {
    member.log = log::Log::open(member.disk, random_, cluster, options_).value();
    member.outbox = std::make_unique<node::Outbox>(*member.log);
    member.replica = std::make_unique<node::Replica>(
        node::Self{member.id, member.name, cluster, member.name + ":1", "test", {}}, *member.log,
        raft::make_engine(member.id, {}, member.id.value));
    REQUIRE(member.replica->start(now()));
  }
  void stop(Member& member) {
    if (member.up()) member.replica->abandon({{Code::unreachable, "stopped"}});
    member.replica.reset();
    member.outbox.reset();
    member.log.reset();
    member.disk.crash();
  }
  void cut_off(uint64_t id) { cut_.insert(MemberId(id)); }
  void heal() { cut_.clear(); }

  /// Lets `patience` of virtual time go by, or less once `done`.
  template <class Done>
  bool run(Duration patience, Done done) {
    for (Duration passed{}; passed < patience; passed += 10ms) {
      settle();
      if (done()) return true;
      clock_.advance(10ms);
    }
    return done();
  }
  void run(Duration patience) {
    run(patience, [] { return false; });
  }

  Member* leader() {
    Member* found = nullptr;
    for (auto& [id, member] : members_) {
      if (!member.up() || !member.replica->leads()) continue;
      if (found == nullptr || found->replica->term() < member.replica->term()) found = &member;
    }
    return found;
  }
  Member& lead() {
    REQUIRE(run(20s, [this] { return leader() != nullptr && leader()->replica->ready(); }));
    return *leader();
  }

  rpc::Answer<rpc::Outcome> write(Member& member, uint64_t number, const std::string& body = "x") {
    rpc::Proposal proposal;
    Id id;
    id.bytes[0] = 1;
    for (size_t i = 0; i < 8; ++i) id.bytes[15 - i] = static_cast<uint8_t>(number >> (8 * i));
    encode_record(proposal.packed, {.id = id, .body = body});
    proposal.count = 1;
    return ask<rpc::Outcome>(
        [&](auto reply) { member.replica->propose(std::move(proposal), std::move(reply)); });
  }
  rpc::Answer<Offset> read(Member& member) {
    return ask<Offset>([&](auto reply) {
      member.replica->read(now(), {},
                           [reply](rpc::Answer<std::reference_wrapper<const rpc::View>> view) {
                             if (!view) return reply(tl::unexpected(view.error()));
                             reply(view->get().book().next_offset());
                           });
    });
  }
  rpc::Answer<rpc::Changed> change(Member& member, rpc::Change change) {
    return ask<rpc::Changed>(
        [&](auto reply) { member.replica->change(std::move(change), std::move(reply)); });
  }
  std::string configuration(Member& member) {
    std::string text;
    for (const raft::Member& one : member.replica->configuration().members) {
      text += (text.empty() ? "" : " ") + one.name +
              (one.standing == raft::Standing::voter ? "" : "(standby)");
    }
    return text;
  }
  node::Now now() { return {clock_.now(), clock_.wall()}; }
  const log::Options& options() const { return options_; }

  /// 10 ms in which `member` writes one record more before it hears that the last is on its disk.
  void write_on(Member& member, uint64_t number) {
    REQUIRE(member.log->drain());
    REQUIRE(member.replica->synced(now(), {}));
    rpc::Proposal proposal;
    Id id;
    id.bytes[0] = 2;
    std::memcpy(id.bytes.data() + 8, &number, sizeof number);
    encode_record(proposal.packed, {.id = id, .body = "x"});
    proposal.count = 1;
    member.replica->propose(std::move(proposal), [](const rpc::Answer<rpc::Outcome>&) {});
    REQUIRE(member.replica->turn(now()));
    for (raft::Message& message : member.replica->take_messages()) {
      member.outbox->put(std::move(message));
    }
    settle(&member);
    clock_.advance(10ms);
  }

  /// Does all that can be done at this instant, besides by `except`.
  void settle(const Member* except = nullptr) {
    for (int rounds = 0; rounds < 200; ++rounds) {
      bool moved = false;
      for (auto& [id, member] : members_) {
        if (!member.up() || &member == except) continue;
        REQUIRE(member.replica->turn(now()));
        while (member.log->has_writes()) {
          REQUIRE(member.log->drain());
          REQUIRE(member.replica->synced(now(), {}));
          REQUIRE(member.replica->turn(now()));
          moved = true;
        }
        for (raft::Message& message : member.replica->take_messages()) {
          member.outbox->put(std::move(message));
        }
      }
      for (auto& [id, member] : members_) moved = carry(member) || pull(member) || moved;
      if (!moved) return;
    }
  }

 private:
  Member& make(uint64_t id, const std::string& name) {
    Member& member = members_[MemberId(id)];
    member.id = MemberId(id);
    member.name = name;
    return member;
  }

  template <class T, class Ask>
  rpc::Answer<T> ask(Ask ask) {
    auto answer = std::make_shared<std::optional<rpc::Answer<T>>>();
    ask([answer](rpc::Answer<T> given) {
      REQUIRE_FALSE(*answer);
      *answer = std::move(given);
    });
    REQUIRE(run(60s, [&] { return answer->has_value(); }));
    return **answer;
  }

  bool carry(Member& member) {
    if (!member.up()) return false;
    bool carried = false;
    for (auto& [id, other] : members_) {
      const auto messages = member.outbox->take(id, 300).value();
      carried = carried || !messages.empty();
      if (!other.up() || cut_.contains(id) || cut_.contains(member.id)) continue;
      for (const raft::Message& message : messages) {
        REQUIRE(other.replica->receive(now(), message));
      }
    }
    return carried;
  }

  bool pull(Member& member) {
    if (!member.up() || cut_.contains(member.id)) return false;
    const auto pulling = member.replica->pulling();
    if (!pulling) return false;
    Member& source = members_.at(pulling->leader);
    if (!source.up() || cut_.contains(source.id)) return false;
    const Index from = std::max(pulling->from, pulled_[member.id]);
    const Index end = std::min(pulling->end, source.replica->committed() + 1);
    if (from >= end) return false;
    auto entries = source.log->read(from, end, 500).value();
    const Index next = entries.back().index + 1;
    ++pulls;
    member.replica->pulled(pulling->number, std::move(entries), [this, &member, next](bool took) {
      if (took) pulled_[member.id] = next;
    });
    return true;
  }

 public:
  uint64_t pulls = 0;

 private:
  io::ManualClock clock_;
  io::SeededRandom random_{1};
  log::Options options_{.segment_bytes = 16 << 10};
  Entry founding_;
  std::map<MemberId, Member> members_;
  std::set<MemberId> cut_;
  std::map<MemberId, Index> pulled_;
};

rpc::Change change(rpc::Change::Kind kind, std::string name = {}) {
  return {.kind = kind, .member = {}, .name = std::move(name), .address = {}, .force = false};
}

rpc::Change add(const Member& member) {
  return {.kind = rpc::Change::Kind::add,
          .member = member.id,
          .name = member.name,
          .address = member.name + ":1",
          .force = false};
}

using What = rpc::Change::Kind;

}  // namespace

TEST_CASE("three members elect one, and what it acknowledges is read on each") {
  Group group(3);
  Member& leader = group.lead();
  for (uint64_t number = 1; number <= 5; ++number) {
    CHECK(group.write(leader, number).value().offsets.front() == Offset(number - 1));
  }
  for (uint64_t id = 1; id <= 3; ++id) {
    CHECK(group.read(group[id]).value() == Offset(5));
  }
}

TEST_CASE("a follower names the leader to who wants to write") {
  Group group(3);
  const Member& leader = group.lead();
  Member& follower = group[leader.id == MemberId(1) ? 2 : 1];
  const auto answer = group.write(follower, 1);
  REQUIRE_FALSE(answer);
  CHECK(answer.error().error.code == Code::no_leader);
  CHECK(answer.error().leader == leader.name + ":1");
}

TEST_CASE("the others go on when the leader dies, and it takes over what they wrote") {
  Group group(3);
  Member& first = group.lead();
  REQUIRE(group.write(first, 1));
  group.stop(first);
  Member& second = group.lead();
  CHECK(second.id != first.id);
  CHECK(group.write(second, 2).value().offsets.front() == Offset(1));
  group.start(first);
  group.run(3s);
  CHECK(first.replica->history().end() == Offset(2));
  CHECK(group.write(group.lead(), 1).value().duplicates.size() == 1);
}

TEST_CASE(
    "a leader that is cut off acknowledges nothing, serves no read, and loses what it wrote") {
  Group group(3);
  Member& old = group.lead();
  REQUIRE(group.write(old, 1));
  group.cut_off(old.id.value);
  const auto lost = group.write(old, 2);
  REQUIRE_FALSE(lost);
  CHECK(lost.error().error.code == Code::unknown_outcome);
  CHECK_FALSE(group.read(old));
  REQUIRE(group.run(20s, [&] { return group.leader() != nullptr && group.leader() != &old; }));
  CHECK(group.write(group.lead(), 3).value().offsets.front() == Offset(1));
  group.heal();
  group.run(3s);
  CHECK(old.replica->history().end() == Offset(2));
  CHECK(group.write(group.lead(), 2).value().offsets.front() == Offset(2));
}

TEST_CASE("the first records of all are lost with their leader, and it takes what came instead") {
  Group group(3);
  Member& old = group.lead();
  group.cut_off(old.id.value);
  REQUIRE_FALSE(group.write(old, 1));
  REQUIRE(group.run(20s, [&] { return group.leader() != nullptr && group.leader() != &old; }));
  REQUIRE(group.write(group.lead(), 2));
  group.heal();
  group.run(3s);
  CHECK(old.replica->history().end() == Offset(1));
}

TEST_CASE("a leader whose disk always has something to do is not taken for a slow one") {
  Group group(3);
  Member& leader = group.lead();
  const Term term = leader.replica->term();
  for (uint64_t number = 1; number <= 300; ++number) group.write_on(leader, number);
  CHECK(leader.replica->leads());
  CHECK(leader.replica->term() == term);
  CHECK(leader.replica->history().end() >= Offset(250));
}

TEST_CASE("a newcomer is a standby, pulls what it lacks, and becomes a voter") {
  Group group(1);
  Member& leader = group.lead();
  uint64_t number = 0;
  SUBCASE("with a short log") {
    number = 3;
  }
  SUBCASE("with a log of many segments, which it pulls") {
    number = 300;
  }
  for (uint64_t i = 1; i <= number; ++i) {
    REQUIRE(group.write(leader, i, std::string(200, 'x')));
  }
  // A leader serves from its checkpoint on; what is older is pulled.
  group.stop(leader);
  group.start(leader);
  group.lead();
  Member& second = group.newcomer(2, "n2");
  REQUIRE(group.change(leader, add(second)));
  REQUIRE(group.run(30s, [&] { return group.configuration(leader) == "n1 n2"; }));
  CHECK((group.pulls > 0) == (number == 300));
  CHECK(group.read(second).value() == Offset(number));
  REQUIRE(group.change(leader, add(second)).value().already);
  // From now on both are needed.
  group.cut_off(2);
  CHECK(group.write(leader, 1000).error().error.code == Code::unknown_outcome);
}

TEST_CASE("one to five and back to one, writing all the time") {
  Group group(1);
  uint64_t number = 0;
  for (uint64_t id = 2; id <= 5; ++id) {
    Member& member = group.newcomer(id, "n" + std::to_string(id));
    REQUIRE(group.change(group.lead(), add(member)));
    REQUIRE(group.run(30s, [&] { return group.lead().replica->configuration().voters() == id; }));
    REQUIRE(group.write(group.lead(), ++number));
  }
  for (uint64_t id = 5; id >= 2; --id) {
    const std::string name = "n" + std::to_string(id);
    rpc::Answer<rpc::Changed> left = tl::unexpected(rpc::Failure{});
    for (int tries = 0; tries < 5 && !left; ++tries) {
      left = group.change(group.lead(), change(What::leave, name));
    }
    REQUIRE(left);
    CHECK(left->subject.name == name);
    CHECK(left->subject.id == MemberId(id));
    CHECK_FALSE(left->already);
    group.stop(group[id]);
    REQUIRE(group.write(group.lead(), ++number));
  }
  CHECK(group.configuration(group.lead()) == "n1");
  CHECK(group.read(group.lead()).value() == Offset(number));
  CHECK(group.change(group.lead(), change(What::leave, "n5")).value().already);
}

TEST_CASE("what would lose the quorum, or nobody is meant by, is refused") {
  Group group(3);
  Member& leader = group.lead();
  const auto code = [](const rpc::Answer<rpc::Changed>& answer) {
    REQUIRE_FALSE(answer);
    return answer.error().error.code;
  };
  CHECK(code(group.change(leader, change(What::remove, "n9"))) == Code::no_such_member);
  Member& other = group[leader.id == MemberId(1) ? 2 : 1];
  CHECK(code(group.change(leader, change(What::remove, other.name))) == Code::member_alive);
  Member& third = group[6 - leader.id.value - other.id.value];
  group.stop(third);
  group.run(5s);
  // Of the two that would remain one is down.
  CHECK(code(group.change(leader, change(What::leave, other.name))) == Code::quorum_guard);
  REQUIRE(group.change(leader, change(What::remove, third.name)));
  CHECK(group.change(leader, change(What::remove, third.name)).value().already);
  CHECK(leader.replica->gone() == std::set{third.id});
}

TEST_CASE("a wiped member comes back under its name as a standby, until it replaces itself") {
  Group group(3);
  Member& leader = group.lead();
  REQUIRE(group.write(leader, 1));
  Member& old = group[leader.id == MemberId(3) ? 2 : 3];
  group.stop(old);
  Member& fresh = group.newcomer(9, old.name);
  REQUIRE(group.change(leader, add(fresh)));
  group.run(5s);
  CHECK(leader.replica->configuration().find(fresh.id)->standing == raft::Standing::standby);
  rpc::Change replace = change(What::replace, old.name);
  replace.member = fresh.id;
  const rpc::Changed replaced = group.change(leader, replace).value();
  CHECK(replaced.subject.id == fresh.id);
  CHECK(leader.replica->configuration().voters() == 3);
  CHECK(leader.replica->configuration().find(old.id) == nullptr);
  CHECK(group.read(fresh).value() == Offset(1));
}

TEST_CASE("leadership is handed over to who is named, and to anybody when the process stops") {
  Group group(3);
  Member& first = group.lead();
  const std::string name = first.name == "n2" ? "n3" : "n2";
  const rpc::Changed handed = group.change(first, change(What::transfer, name)).value();
  CHECK(handed.before == first.name);
  CHECK(handed.subject.name == name);
  CHECK(group.lead().name == name);
  CHECK(group.change(group.lead(), change(What::transfer, name)).value().already);

  Member& second = group.lead();
  second.replica->hand_over();
  CHECK(group.run(2s, [&] { return !second.replica->leads(); }));
  CHECK(group.lead().id != second.id);
}

TEST_CASE("a leader whose disk hangs lets another lead") {
  Group group(3);
  Member& leader = group.lead();
  REQUIRE(leader.replica->synced(group.now(), 2s));
  CHECK(group.run(3s, [&] { return !leader.replica->leads(); }));
}
