// Streams of messages between members: order, loss, refusal, and what a member that is slow, gone
// or somebody else costs.
#include "rpc/peer_link.h"

#include <doctest/doctest.h>

#include <thread>

#include "rpc/memory_peer.h"

using namespace ledger;
using namespace ledger::rpc;

namespace {

uint64_t round_of(const raft::Message& message) {
  return std::get<raft::ReadProbe>(message.body).round;
}

/// Waits until `count` messages were heard, and takes them.
std::vector<raft::Message> hear(PeerSide& side, size_t count) {
  REQUIRE(side.node.wait([=](MemoryPeer& node) { return node.heard.size() >= count; }));
  return side.node.take_heard();
}

raft::Message append(const PeerSide& from, MemberId to, size_t bytes) {
  raft::Message message{from.id, to, Term(3), 0, 0, 0, {}};
  message.body = raft::AppendEntries{Index(), Term(), Index(), 1, test_entries(1, bytes)};
  return message;
}

}  // namespace

TEST_CASE("messages come in order, as they were, whoever wakes the stream") {
  PeerSide one(1), two(2);
  one.peers->set_members({two.member()});
  constexpr uint64_t count = 10'000;
  for (uint64_t i = 0; i < count; ++i) {
    one.node.say(two.id, one.probe(two.id, i));
    i % 2 == 0 ? one.peers->wake(two.id) : one.peers->send(two.id);
  }
  const std::vector<raft::Message> heard = hear(two, count);
  REQUIRE(heard.size() == count);
  for (uint64_t i = 0; i < count; ++i) REQUIRE(round_of(heard[i]) == i);
  CHECK(heard[0].from == one.id);
  CHECK(heard[0].to == two.id);
  CHECK(heard[0].term == Term(3));
}

TEST_CASE("two members talk to each other, each on a stream of its own") {
  PeerSide one(1), two(2);
  one.peers->set_members({two.member()});
  two.peers->set_members({one.member()});
  one.send(two.id, 5);
  two.send(one.id, 6);
  CHECK(round_of(hear(two, 1)[0]) == 5);
  CHECK(round_of(hear(one, 1)[0]) == 6);
}

TEST_CASE("a message of the largest entry arrives whole, and more than one frame in order") {
  PeerSide one(1), two(2);
  for (int i = 0; i < 5; ++i) one.node.say(two.id, append(one, two.id, entry_bytes_max));
  one.node.say(two.id, one.probe(two.id, 9));
  one.peers->set_members({two.member()});
  const std::vector<raft::Message> heard = hear(two, 6);
  for (int i = 0; i < 5; ++i) {
    const auto& body = std::get<raft::AppendEntries>(heard[size_t(i)].body);
    REQUIRE(body.entries.size() == 1);
    CHECK(*body.entries[0].payload == *test_entries(1, entry_bytes_max)[0].payload);
  }
  CHECK(round_of(heard[5]) == 9);
}

TEST_CASE("a stream opens again when the other side has restarted on the same port") {
  PeerSide one(1), two(2);
  one.peers->set_members({two.member()});
  one.send(two.id, 1);
  hear(two, 1);
  const std::string address = two.server->address();
  two.server->stop({});
  two.server.reset();
  REQUIRE(one.node.wait([&](MemoryPeer& node) { return node.broken[two.id] == 1; }));
  one.send(two.id, 2);
  two.serve(address);
  CHECK(round_of(hear(two, 1)[0]) == 2);
  CHECK(one.node.wait([&](MemoryPeer& node) { return node.opened[two.id] == 2; }));
}

TEST_CASE("messages wait for a member whose node is attached late") {
  PeerSide one(1), two(2, test_id(7), false);
  one.peers->set_members({two.member()});
  one.send(two.id, 1);
  two.server->attach_peer(two.node);
  CHECK(round_of(hear(two, 1)[0]) == 1);
  CHECK(one.node.wait([](MemoryPeer& node) { return node.refusals.empty(); }));
}

TEST_CASE("a member of another cluster is refused, counted, and told why once") {
  PeerSide one(1), two(2, test_id(8));
  one.peers->set_members({two.member()});
  one.send(two.id, 1);
  REQUIRE(one.node.wait([](MemoryPeer& node) { return !node.refusals.empty(); }));
  while (two.server->peers_refused() < 3) std::this_thread::yield();
  one.peers->stop();
  REQUIRE(one.node.refusals.size() == 1);
  CHECK(one.node.refusals[0].code == Code::cluster_id_mismatch);
  CHECK(one.node.not_taken(two.id) == 1);
  CHECK(two.node.heard.empty());
}

TEST_CASE("a stream that leads to another member is refused") {
  PeerSide one(1), two(2);
  raft::Member wrong = two.member();
  wrong.id = MemberId(3);
  one.peers->set_members({wrong});
  one.send(wrong.id, 1);
  REQUIRE(one.node.wait([](MemoryPeer& node) { return !node.refusals.empty(); }));
  CHECK(one.node.refusals[0].code == Code::peer_unreachable);
  CHECK(two.server->peers_refused() >= 1);
}

TEST_CASE("who is no member any more is told so, once") {
  PeerSide one(1), two(2);
  two.node.stranger = one.id;
  one.peers->set_members({two.member()});
  one.send(two.id, 1);
  REQUIRE(one.node.wait([](MemoryPeer& node) { return node.told_gone > 0; }));
  one.send(two.id, 2);
  REQUIRE(one.node.wait([&](MemoryPeer& node) { return node.broken[two.id] == 2; }));
  one.peers->stop();
  CHECK(one.node.told_gone == 1);
  CHECK(one.node.refusals.empty());
}

TEST_CASE("a member that can't be reached keeps nothing from the others") {
  PeerSide one(1), two(2);
  raft::Member gone{MemberId(3), raft::Standing::voter, "n3", {}};
  {
    const PeerSide three(3);
    gone.address = three.server->address();
  }
  one.peers->set_members({gone, two.member()});
  for (uint64_t i = 0; i < 100; ++i) {
    one.send(gone.id, i);
    one.send(two.id, i);
  }
  CHECK(hear(two, 100).size() == 100);
  CHECK(one.node.wait([&](MemoryPeer& node) { return node.not_taken(gone.id) == 100; }));
}

TEST_CASE("who is no member any more gets what waits, and its stream ends") {
  PeerSide one(1), two(2);
  one.peers->set_members({two.member()});
  one.send(two.id, 0);
  hear(two, 1);
  for (uint64_t i = 1; i <= 100; ++i) one.node.say(two.id, one.probe(two.id, i));
  one.peers->set_members({});
  CHECK(hear(two, 100).size() == 100);
  CHECK(one.node.wait([&](MemoryPeer& node) { return node.broken[two.id] == 1; }));
}

TEST_CASE("a member that comes back, or moves, is reached again") {
  PeerSide one(1), two(2);
  one.peers->set_members({two.member()});
  one.send(two.id, 1);
  hear(two, 1);
  one.peers->set_members({});
  one.peers->set_members({two.member()});
  one.send(two.id, 2);
  CHECK(round_of(hear(two, 1)[0]) == 2);

  const std::unique_ptr<RpcServer> before = std::move(two.server);
  two.serve("127.0.0.1:0");
  one.peers->set_members({two.member()});
  one.send(two.id, 3);
  CHECK(round_of(hear(two, 1)[0]) == 3);
  before->stop({});
  one.send(two.id, 4);
  CHECK(round_of(hear(two, 1)[0]) == 4);
}

TEST_CASE("after a stop nothing is asked of the node, however busy it was") {
  PeerSide two(2);
  PeerSide one(1);
  one.peers->set_members({two.member()});
  std::atomic<bool> go_on = true;
  std::thread talker([&] {
    for (uint64_t i = 0; go_on; ++i) {
      one.node.say(two.id, append(one, two.id, 1000));
      i % 2 == 0 ? one.peers->wake(two.id) : one.peers->send(two.id);
    }
  });
  hear(two, 100);
  one.peers->stop();
  go_on = false;
  talker.join();
  one.node.say(two.id, one.probe(two.id, 1));
  one.peers->wake(two.id);
  one.peers->send(two.id);
  CHECK(one.node.wait([&](MemoryPeer& node) { return node.not_taken(two.id) > 0; }));
  CHECK(one.node.wait([&](MemoryPeer& node) { return node.broken[two.id] == 1; }));
}

TEST_CASE("who listens says who it is, also without a node") {
  PeerSide side(5, test_id(9), false);
  const Result<Introduction> self = hello(side.server->address(), std::chrono::seconds(60));
  REQUIRE(self);
  CHECK(self->name == "n5");
  CHECK(self->member == MemberId(5));
  CHECK(self->cluster == test_id(9));
  CHECK_FALSE(self->founding);

  const auto stranger = RpcServer::start({.listen = "127.0.0.1:0", .ids = {}}).value();
  CHECK(hello(stranger->address(), std::chrono::seconds(60)).error().code == Code::busy);
  const std::string gone = stranger->address();
  stranger->stop({});
  CHECK(hello(gone, std::chrono::seconds(60)).error().code == Code::unreachable);
}
