#include "node/gossip_plan.h"

#include <doctest/doctest.h>

using namespace ledger;
using rpc::Change;
using State = rpc::GossipMember::State;

namespace {

const Id cluster = *parse_id("3f2a0c11-7a10-4c00-8000-4b5a5e9d1c0a");

raft::Member member(uint64_t number) {
  const std::string name = "n" + std::to_string(number);
  return {MemberId(number), raft::Standing::voter, name, name + ":1"};
}

rpc::GossipMember seen(uint64_t number, State state = State::alive) {
  const std::string name = "n" + std::to_string(number);
  return {.name = name,
          .address = name + ":2",
          .state = state,
          .ledger = true,
          .member = MemberId(number),
          .cluster = cluster.text(),
          .rpc_address = name + ":1",
          .version = "test"};
}

/// n1, who leads and is asked, n2 and n3.
struct Scene {
  rpc::Members members;
  std::vector<rpc::GossipMember> gossip = {seen(1), seen(2), seen(3)};

  Scene() {
    for (const uint64_t number : {1, 2, 3}) members.all.push_back({member(number), {}, {}});
    members.leader = members.self = MemberId(1);
    members.settled = true;
  }
  node::GossipPlan plan() const { return node::plan_by_gossip(members, gossip, cluster); }
  bool does_nothing() const {
    const node::GossipPlan made = plan();
    return made.steps.empty() && made.forget.empty();
  }
};

}  // namespace

TEST_CASE("where gossip and consensus agree nothing follows") {
  CHECK(Scene().does_nothing());
  CHECK(Scene().plan().remarks.empty());
}

TEST_CASE("a node of our cluster that has joined by gossip is added, once it says so itself") {
  for (const State state : {State::alive, State::suspect}) {
    Scene scene;
    scene.gossip.push_back(seen(4, state));
    const auto steps = scene.plan().steps;
    REQUIRE(steps.size() == 1);
    CHECK(steps[0].change.kind == Change::Kind::add);
    CHECK(steps[0].change.member == MemberId(4));
    CHECK(steps[0].change.name == "n4");
    CHECK(steps[0].change.address == "n4:1");
    CHECK(steps[0].introduce);
  }
}

TEST_CASE("a failed member stays, and so does one that is leaving") {
  for (const State state : {State::failed, State::leaving, State::suspect, State::unknown}) {
    Scene scene;
    scene.gossip[2].state = state;
    CAPTURE(static_cast<int>(state));
    CHECK(scene.does_nothing());
  }
}

TEST_CASE("a newcomer is not added while it fails, leaves or has left") {
  for (const State state : {State::failed, State::leaving, State::left, State::unknown}) {
    Scene scene;
    scene.gossip.push_back(seen(4, state));
    CAPTURE(static_cast<int>(state));
    CHECK(scene.plan().steps.empty());
  }
}

TEST_CASE("a member that has left by gossip is removed, unless it is alive: never by `leave`") {
  Scene scene;
  scene.gossip[2].state = State::left;
  const auto steps = scene.plan().steps;
  REQUIRE(steps.size() == 1);
  CHECK(steps[0].change.kind == Change::Kind::remove);
  CHECK(steps[0].change.member == MemberId(3));
  CHECK_FALSE(steps[0].change.force);
  CHECK_FALSE(steps[0].introduce);
}

TEST_CASE("who has left under another name or id than consensus knows removes nobody") {
  Scene scene;
  scene.gossip[2].state = State::left;
  SUBCASE("another name") {
    scene.gossip[2].name = "x3";
  }
  SUBCASE("another id") {
    scene.gossip[2].member = MemberId(33);
  }
  SUBCASE("another cluster") {
    scene.gossip[2].cluster = "00000000-0000-0000-0000-000000000001";
  }
  CHECK(scene.plan().steps.empty());
}

TEST_CASE("the leader never removes itself, whatever gossip says of it") {
  Scene scene;
  scene.gossip[0].state = State::left;
  CHECK(scene.does_nothing());
}

TEST_CASE("a changed rpc address is an update of the same member") {
  Scene scene;
  scene.gossip[1].rpc_address = "n2:9";
  const auto steps = scene.plan().steps;
  REQUIRE(steps.size() == 1);
  CHECK(steps[0].change.kind == Change::Kind::add);
  CHECK(steps[0].change.member == MemberId(2));
  CHECK(steps[0].change.address == "n2:9");
  CHECK(steps[0].introduce);
}

TEST_CASE("the leader needs no introduction to itself") {
  Scene scene;
  scene.gossip[0].rpc_address = "n1:9";
  const auto steps = scene.plan().steps;
  REQUIRE(steps.size() == 1);
  CHECK_FALSE(steps[0].introduce);
}

TEST_CASE("one that is alone does not write down where it is") {
  Scene scene;
  scene.members.all.resize(1);
  scene.gossip.resize(1);
  scene.gossip[0].rpc_address = "n1:9";
  CHECK(scene.does_nothing());
}

TEST_CASE("who is no node of our cluster never reaches consensus") {
  Scene scene;
  rpc::GossipMember stranger = seen(4);
  SUBCASE("another cluster") {
    stranger.cluster = "00000000-0000-0000-0000-000000000001";
  }
  SUBCASE("no cluster yet") {
    stranger.cluster.clear();
  }
  SUBCASE("no rpc address") {
    stranger.rpc_address.clear();
  }
  SUBCASE("no id") {
    stranger.member = MemberId();
  }
  SUBCASE("another role") {
    stranger.ledger = false;
  }
  SUBCASE("a name that no node can have") {
    stranger.name = "Web.1";
  }
  SUBCASE("the id of a member under another name") {
    stranger.member = MemberId(2);
  }
  scene.gossip.push_back(stranger);
  CHECK(scene.does_nothing());
}

TEST_CASE("why somebody is not taken in is remarked, but not of those that can't be meant") {
  Scene scene;
  rpc::GossipMember stranger = seen(4);
  size_t remarks = 1;
  SUBCASE("another cluster") {
    stranger.cluster = "00000000-0000-0000-0000-000000000001";
  }
  SUBCASE("a name that no node can have") {
    stranger.name = "Web.1";
  }
  SUBCASE("the id of a member") {
    stranger.member = MemberId(2);
    remarks = 2;  // Of both: who of them is it?
  }
  SUBCASE("no cluster yet") {
    stranger.cluster.clear();
    remarks = 0;
  }
  SUBCASE("an agent") {
    stranger.rpc_address.clear();
    remarks = 0;
  }
  scene.gossip.push_back(stranger);
  CHECK(scene.plan().remarks.size() == remarks);
}

TEST_CASE("of two newcomers with one id neither is added") {
  Scene scene;
  scene.gossip.push_back(seen(4));
  scene.gossip.push_back(seen(5));
  scene.gossip.back().member = MemberId(4);
  CHECK(scene.does_nothing());
}

TEST_CASE("a node with the name of a member and an id of its own comes in beside it") {
  Scene scene;
  scene.gossip[2].member = MemberId(33);  // It lost its disk: gossip has a name once.
  const auto steps = scene.plan().steps;
  REQUIRE(steps.size() == 1);
  CHECK(steps[0].change.member == MemberId(33));
  CHECK(steps[0].change.name == "n3");
}

TEST_CASE("gossip forgets who failed and was taken out by the log") {
  Scene scene;
  scene.gossip.push_back(seen(4, State::failed));
  CHECK(scene.plan().forget == std::vector<std::string>{"n4"});
  CHECK(scene.plan().steps.empty());
}
