// What a client knows of a cluster of several, and how it has one changed.
#include <doctest/doctest.h>

#include <array>
#include <thread>

#include "rpc/client.h"
#include "rpc/peer_ports.h"
#include "rpc/relay.h"
#include "rpc/served.h"

using namespace ledger;
using namespace ledger::rpc;
using std::chrono::seconds;

namespace {

const Patience patient{Patience::Kind::whole, seconds(60)};
const Patience brief{Patience::Kind::whole, seconds(1)};

/// Three nodes behind servers that agree on who leads, by number from 0.
struct Three {
  std::array<Served, 3> nodes;
  std::unique_ptr<Client> client;

  Three() { lead(0, 1); }

  std::string address(size_t number) const { return nodes[number].server->address(); }

  /// From now on this one leads; nobody with 3. The others refuse changes, and name it.
  void lead(size_t leader, uint64_t term) {
    Members members = members_of({{"n1", address(0)}, {"n2", address(1)}, {"n3", address(2)}},
                                 leader < 3 ? leader + 1 : 0);
    members.term = Term(term);
    const std::string where = leader < 3 ? address(leader) : "";
    for (size_t i = 0; i < 3; ++i) {
      NodeStatus status;
      status.node = "n" + std::to_string(i + 1);
      status.member = MemberId(i + 1);
      status.role = i == leader ? "leader" : "follower";
      status.leader = where;
      status.term = Term(term);
      status.cluster = Id{{1}};
      nodes[i].node.set_status(status);
      members.self = MemberId(i + 1);
      nodes[i].node.set_members(members);
      if (i == leader) continue;
      nodes[i].node.on_change([where](const Change&) {
        return tl::unexpected(Failure{{Code::no_leader, "not the leader", "ask it"}, where});
      });
    }
  }

  /// A client that knows these only.
  Client& from(std::vector<std::string> endpoints, const Patience& patience = patient) {
    client = Client::create({.endpoints = std::move(endpoints), .patience = patience}).value();
    return *client;
  }
};

Changed changed(uint64_t member, const std::string& before = {}) {
  return {{MemberId(member), raft::Standing::voter, "n" + std::to_string(member), ""},
          before,
          Term(1),
          false};
}

Change leave(const std::string& name) {
  return {.kind = Change::Kind::leave, .member = {}, .name = name, .address = {}};
}

Change transfer(const std::string& name = {}) {
  return {.kind = Change::Kind::transfer, .member = {}, .name = name, .address = {}};
}

std::string nobody() {
  const Served served;
  return served.server->address();
}

}  // namespace

TEST_CASE("members are told by the leader, whoever is asked") {
  Three three;
  Members known = members_of({{"n1", three.address(0)}, {"n2", three.address(1)}});
  known.all[1].held = Index(77);
  three.nodes[0].node.set_members(known);
  const Result<Members> members = three.from({three.address(2)}).members();
  REQUIRE(members);
  CHECK(members->self == MemberId(1));
  CHECK(members->all[1].held == Index(77));
  CHECK(three.client->members_of(three.address(2))->self == MemberId(3));
}

TEST_CASE("without a leader members are told by the one whose log goes furthest") {
  Three three;
  three.lead(3, 4);
  three.nodes[0].server->stop({});
  NodeStatus ahead;
  ahead.node = "n3";
  ahead.role = "candidate";
  ahead.term = Term(5);
  ahead.cluster = Id{{1}};
  three.nodes[2].node.set_status(ahead);
  const Result<Members> members = three.from({three.address(1)}).members();
  REQUIRE(members);
  CHECK(members->self == MemberId(3));
  CHECK(members->all.size() == 3);
}

TEST_CASE(
    "every member is asked for its status at the same time, and who is silent costs a while") {
  Three three;
  Relay silent(three.address(1));
  silent.mute();
  const std::string gone = nobody();
  const auto statuses = three.from({three.address(0)}, {Patience::Kind::whole, seconds(1)})
                            .statuses_of({three.address(0), silent.address(), gone});
  REQUIRE(statuses.size() == 3);
  CHECK(statuses[0]->node == "n1");
  CHECK(statuses[0]->member == MemberId(1));
  REQUIRE_FALSE(statuses[1]);
  CHECK(statuses[1].error().code == Code::timeout);
  REQUIRE_FALSE(statuses[2]);
  CHECK(statuses[2].error().message == gone + " refused");
  CHECK(three.client->end_of(three.address(0)) == Offset(0));  // There is time for more.
}

TEST_CASE("a change goes to the leader that any node names") {
  Three three;
  three.lead(2, 1);
  std::optional<Change> asked;
  three.nodes[2].node.on_change([&](const Change& change) {
    asked = change;
    return changed(1);
  });
  const Result<Changed> done = three.from({three.address(0)}).change(leave("n1"));
  REQUIRE(done);
  CHECK(done->subject.name == "n1");
  CHECK(asked->kind == Change::Kind::leave);
  CHECK(asked->name == "n1");
}

TEST_CASE("a change is asked of the next leader when the first hands over") {
  Three three;
  three.nodes[0].node.on_change([&](const Change&) {
    three.lead(1, 2);
    three.nodes[1].node.on_change([](const Change&) { return changed(1); });
    return tl::unexpected(Failure{{Code::no_leader, "n1 handed over", "ask n2"}, three.address(1)});
  });
  const Result<Changed> done = three.from({three.address(0)}).change(leave("n1"));
  REQUIRE(done);
  CHECK(done->subject.name == "n1");
}

TEST_CASE("a change that nobody answers is asked of the one who leads by now") {
  Three three;
  three.nodes[0].node.on_change([](const Change&) { return std::nullopt; });
  Client& client = three.from({three.address(0)});
  std::thread next([&] {
    while (three.nodes[0].node.waiting_changes() == 0) std::this_thread::yield();
    three.lead(1, 2);
    three.nodes[1].node.on_change([](const Change&) {
      Changed before = changed(3);
      before.already = true;
      return before;
    });
  });
  const Result<Changed> done = client.change(leave("n3"));
  next.join();
  REQUIRE(done);
  CHECK_FALSE(done->already);  // It was our own doing.
}

TEST_CASE("a change that was sent and not answered is unknown at the deadline, not refused") {
  Three three;
  three.nodes[0].node.on_change([](const Change&) { return std::nullopt; });
  const Result<Changed> done = three.from({three.address(0)}, brief).change(leave("n3"));
  REQUIRE_FALSE(done);
  CHECK(done.error().code == Code::unknown_outcome);
  CHECK_FALSE(done.error().hint.empty());
}

TEST_CASE("a change that was never sent, or refused each time, was not made") {
  Three three;
  three.nodes[0].node.on_change([](const Change&) {
    return tl::unexpected(Failure{{Code::busy, "another change runs", "wait"}, {}});
  });
  const Result<Changed> busy = three.from({three.address(0)}, brief).change(leave("n3"));
  REQUIRE_FALSE(busy);
  CHECK(busy.error().code == Code::busy);
  CHECK(busy.error().message == "another change runs");

  three.lead(3, 2);
  const Result<Changed> led = three.from({three.address(0)}, brief).change(leave("n3"));
  REQUIRE_FALSE(led);
  CHECK(led.error().code == Code::no_leader);
}

TEST_CASE("what the leader refuses comes back at once") {
  Three three;
  for (const Code code : {Code::quorum_guard, Code::no_such_member, Code::member_alive,
                          Code::target_behind, Code::name_taken}) {
    CAPTURE(name(code));
    three.nodes[0].node.on_change([code](const Change&) {
      return tl::unexpected(Failure{{code, "no", "why"}, {}});
    });
    const Result<Changed> done = three.from({three.address(1)}).change(leave("n3"));
    REQUIRE_FALSE(done);
    CHECK(done.error().code == code);
    CHECK(done.error().message == "no");
  }
}

TEST_CASE("leadership handed to nobody in particular moves once, though the answer is lost") {
  Three three;
  size_t asked = 0;
  three.nodes[0].node.on_change([&](const Change&) {
    three.lead(1, 2);
    three.nodes[1].node.on_change([&](const Change&) {
      ++asked;
      return changed(1, "n2");
    });
    return tl::unexpected(Failure{{Code::no_leader, "n1 handed over", "n2"}, three.address(1)});
  });
  const Result<Changed> done = three.from({three.address(2)}).change(transfer());
  REQUIRE(done);
  CHECK(done->before == "n1");
  CHECK(done->subject.name == "n2");
  CHECK(done->term == Term(2));
  CHECK_FALSE(done->already);
  CHECK(asked == 0);
}

TEST_CASE("leadership handed to one by name was the first leader's, though the second answers") {
  Three three;
  three.nodes[0].node.on_change([&](const Change&) {
    three.lead(1, 2);
    three.nodes[1].node.on_change([](const Change&) {
      Changed found = changed(2, "n2");
      found.already = true;
      return found;
    });
    return tl::unexpected(Failure{{Code::no_leader, "n1 handed over", "n2"}, three.address(1)});
  });
  const Result<Changed> done = three.from({three.address(2)}).change(transfer("n2"));
  REQUIRE(done);
  CHECK(done->before == "n1");
  CHECK_FALSE(done->already);
}

TEST_CASE("a newcomer is taken in by the leader, found among those who start or are gone") {
  Three three;
  const Served starting(false);
  std::optional<Change> asked;
  three.nodes[0].node.on_change([&](const Change& change) {
    asked = change;
    return changed(9);
  });
  Introduction self{.name = "n9",
                    .member = MemberId(9),
                    .address = starting.server->address(),
                    .version = "1",
                    .cluster = {},
                    .founding = {}};
  const std::vector<std::string> addresses = {starting.server->address(), nobody(),
                                              three.address(2)};
  REQUIRE(ask_to_join(addresses, self, seconds(60)));
  CHECK(asked->kind == Change::Kind::add);
  CHECK(asked->member == MemberId(9));
  CHECK(asked->name == "n9");
  CHECK(asked->address == starting.server->address());

  self.cluster = Id{{9}};
  const Result<void> other = ask_to_join(addresses, self, seconds(60));
  REQUIRE_FALSE(other);
  CHECK(other.error().code == Code::cluster_id_mismatch);

  three.nodes[0].node.on_change([](const Change&) { return std::nullopt; });
  self.cluster = {};
  CHECK(ask_to_join(addresses, self, seconds(1)).error().code == Code::timeout);
  CHECK(ask_to_join({nobody()}, self, seconds(60)).error().code == Code::unreachable);
}
