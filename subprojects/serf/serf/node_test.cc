#include "serf/node.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "serf/sim/network.h"
#include "serf/wire/packet.h"
#include "serf/wire/stream.h"

namespace serf {

using sim::Network;
using Kind = MemberNotice::Kind;

namespace {

/// What `viewer` was told about `name`, as words in order.
std::string story(const Network& network, size_t viewer, const std::string& name) {
  std::string out;
  for (const sim::Told& told : network.told(viewer)) {
    const auto* notice = std::get_if<MemberNotice>(&told.notice);
    if (notice == nullptr || notice->member.name != name) continue;
    out += (out.empty() ? "" : " ") + std::string(word(notice->kind));
  }
  return out;
}

template <class T>
std::vector<T> notices(const Network& network, size_t member) {
  std::vector<T> out;
  for (const sim::Told& told : network.told(member)) {
    if (const auto* notice = std::get_if<T>(&told.notice)) out.push_back(*notice);
  }
  return out;
}

/// Members m0, m1 … joined through m0 and known to each other.
void form(Network& network, size_t count, const std::function<void(Config&)>& adjust = {}) {
  for (size_t i = 0; i < count; ++i) {
    network.add("m" + std::to_string(i), adjust);
    if (i > 0) network.command(i, Join{{network.address(0)}});
  }
  const bool formed = network.run_until_true(
      [&] {
        for (size_t i = 0; i < count; ++i) {
          if (network.node(i).members().size() != count) return false;
        }
        return true;
      },
      seconds(30));
  REQUIRE(formed);
}

}  // namespace

TEST_CASE("members that join through one of them all learn of each other, with tags") {
  Network network(1);
  form(network, 5, [](Config& config) { config.tags = {{"role", "ledger"}, {"of", config.name}}; });
  for (size_t i = 0; i < 5; ++i) {
    for (size_t j = 0; j < 5; ++j) CHECK(network.view(i, j) == Status::alive);
    CHECK(network.node(i).members().at("m3").tags == wire::Tags{{"role", "ledger"}, {"of", "m3"}});
  }
  CHECK(story(network, 4, "m1") == "join");
  const auto done = notices<JoinDone>(network, 4);
  REQUIRE(done.size() == 1);
  CHECK(done[0].contacted == 1);
  network.run_for(seconds(5));
  CHECK(notices<Admitted>(network, 4).size() == 1);
}

TEST_CASE("a member that leaves is left and not failed, and stops by itself") {
  Network network(2);
  form(network, 5);
  network.command(3, Leave{});
  network.run_for(seconds(12));
  CHECK_FALSE(network.up(3));
  REQUIRE(notices<Stopped>(network, 3).size() == 1);
  CHECK(notices<Stopped>(network, 3)[0].left);
  for (size_t i : {0U, 1U, 2U, 4U}) {
    CHECK(network.view(i, 3) == Status::left);
    CHECK(story(network, i, "m3") == "join leave");
  }
}

TEST_CASE("who exchanges states with a member that is leaving still sees that it left") {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    CAPTURE(seed);
    Network network(seed);
    form(network, 4);
    network.command(1, Leave{});
    // Before any gossip of it: the exchange alone brings the time of the intent.
    network.command(0, Join{{network.address(1)}});
    network.run_for(milliseconds(20));
    network.command(2, Join{{network.address(0)}});
    network.run_for(seconds(12));
    for (size_t i : {0U, 2U, 3U}) CHECK(network.view(i, 1) == Status::left);
  }
}

TEST_CASE("a member alone leaves without waiting") {
  Network network(3);
  network.add("m0");
  network.command(0, Leave{});
  network.run_for(milliseconds(10));
  CHECK(notices<Stopped>(network, 0).size() == 1);
}

TEST_CASE("a member that crashes is failed, and alive again after a restart that no file helps") {
  Network network(4);
  form(network, 4);
  network.crash(2);
  REQUIRE(
      network.run_until_true([&] { return network.view(0, 2) == Status::failed; }, seconds(60)));
  network.run_for(seconds(20));
  network.restart(2);
  network.command(2, Join{{network.address(0)}});
  network.run_for(seconds(3));
  for (size_t i = 0; i < 4; ++i) CHECK(network.view(i, 2) == Status::alive);
  CHECK(story(network, 1, "m2") == "join failed join");
  CHECK(network.node(2).incarnation() > 1);
}

TEST_CASE("no more members are remembered than the limit says, those that are gone included") {
  Network network(8);
  form(network, 3, [](Config& config) { config.limits.nodes_max = 3; });
  network.crash(2);
  REQUIRE(
      network.run_until_true([&] { return network.view(0, 2) == Status::failed; }, seconds(60)));
  network.run_for(seconds(90));  // Memberlist has forgotten it and would take another.
  const uint64_t refused = network.node(0).stats().nodes_refused;
  network.add("m3");
  network.command(3, Join{{network.address(0)}});
  network.run_for(seconds(5));
  CHECK(network.view(0, 3) == Status::none);
  CHECK(network.node(0).members().size() == 3);
  CHECK(network.node(0).stats().nodes_refused > refused);
  network.crash(3);
  network.run_for(seconds(60));
  CHECK(network.node(0).members().size() == 3);
}

TEST_CASE("a failed member that comes back without any address is found by the others") {
  Network network(5);
  form(network, 3);
  network.crash(2);
  REQUIRE(
      network.run_until_true([&] { return network.view(0, 2) == Status::failed; }, seconds(60)));
  network.restart(2);
  CHECK(network.run_until_true(
      [&] { return network.view(0, 2) == Status::alive && network.view(2, 1) == Status::alive; },
      seconds(180)));
}

TEST_CASE("a member that left may come back under its old address") {
  Network network(6);
  form(network, 4);
  network.command(2, Leave{});
  network.run_for(seconds(12));
  network.restart(2);
  network.command(2, Join{{network.address(1)}});
  network.run_for(seconds(5));
  for (size_t i = 0; i < 4; ++i) CHECK(network.view(i, 2) == Status::alive);
  CHECK(story(network, 0, "m2") == "join leave join");
}

TEST_CASE("changed tags reach everybody as an update, and too large ones are refused") {
  Network network(7);
  form(network, 4);
  network.command(1, SetTags{{{"zone", "eu1"}}});
  network.run_for(seconds(3));
  for (size_t i = 0; i < 4; ++i) {
    CHECK(network.node(i).members().at("m1").tags == wire::Tags{{"zone", "eu1"}});
    CHECK(story(network, i, "m1") == "join update");
  }
  network.command(1, SetTags{{{"zone", std::string(600, 'x')}}});
  CHECK(notices<Refused>(network, 1).size() == 1);
}

TEST_CASE("a user event is delivered exactly once to everybody") {
  Network network(8, {.loss = 0.2});
  form(network, 10);
  network.command(4, SendUserEvent{"deploy", "1.2.3"});
  network.run_for(seconds(40));
  for (size_t i = 0; i < 10; ++i) {
    const auto events = notices<UserEventNotice>(network, i);
    REQUIRE(events.size() == 1);
    CHECK(events[0].name == "deploy");
    CHECK(events[0].payload == "1.2.3");
  }
  network.command(4, SendUserEvent{"deploy", std::string(600, 'x')});
  CHECK(notices<Refused>(network, 4).size() == 1);
}

TEST_CASE("a late joiner is spared the events of before") {
  Network network(9);
  form(network, 3);
  network.command(0, SendUserEvent{"old", ""});
  network.run_for(seconds(3));
  network.add("late");
  network.command(3, Join{{network.address(1)}});
  network.run_for(seconds(3));
  network.command(0, SendUserEvent{"new", ""});
  network.run_for(seconds(3));
  const auto events = notices<UserEventNotice>(network, 3);
  REQUIRE(events.size() == 1);
  CHECK(events[0].name == "new");
}

TEST_CASE("a query reaches those whom its filters name, and their answers come back") {
  Network network(10);
  form(network, 6, [](Config& config) {
    config.tags["role"] = config.name == "m2" || config.name == "m4" ? "ledger" : "db";
  });
  SendQuery query{"uptime", "now", {}, {{"role", "^led"}}, true};
  query.relay_factor = 1;
  query.token = 77;
  network.command(0, query);
  network.run_for(milliseconds(1'000));
  for (size_t i : {2U, 4U}) {
    const auto asked = notices<QueryNotice>(network, i);
    REQUIRE(asked.size() == 1);
    CHECK(asked[0].payload == "now");
    network.command(i, Respond{asked[0].id, "up " + std::to_string(i)});
    network.command(i, Respond{asked[0].id, "again"});
    CHECK(notices<Refused>(network, i).size() == 1);
  }
  for (size_t i : {1U, 3U, 5U}) CHECK(notices<QueryNotice>(network, i).empty());
  network.run_for(seconds(4));
  std::vector<std::string> answers;
  for (const QueryAnswer& answer : notices<QueryAnswer>(network, 0)) {
    CHECK(answer.token == 77);
    answers.push_back(answer.from + (answer.payload ? ": " + *answer.payload : " acks"));
  }
  std::ranges::sort(answers);
  CHECK(answers == std::vector<std::string>{"m2 acks", "m2: up 2", "m4 acks", "m4: up 4"});
  const auto done = notices<QueryDone>(network, 0);
  REQUIRE(done.size() == 1);
  CHECK(done[0].acks == 2);
  CHECK(done[0].answers == 2);
}

TEST_CASE("a failed member can be declared left, and be forgotten") {
  Network network(11);
  form(network, 4);
  network.crash(3);
  REQUIRE(
      network.run_until_true([&] { return network.view(2, 3) == Status::failed; }, seconds(60)));
  network.command(0, ForceLeave{"m3", false});
  network.run_for(seconds(3));
  for (size_t i = 0; i < 3; ++i) CHECK(network.view(i, 3) == Status::left);
  network.command(1, ForceLeave{"m3", true});
  network.run_for(seconds(3));
  for (size_t i = 0; i < 3; ++i) CHECK(network.view(i, 3) == Status::none);
  CHECK(story(network, 2, "m3") == "join failed leave reap");
  network.command(1, ForceLeave{"nobody", true});
  CHECK(notices<Refused>(network, 1).size() == 1);
}

TEST_CASE("keys are rotated everywhere while the cluster stays alive") {
  Network network(12);
  const std::string old_key(32, 'a');
  const std::string new_key(16, 'b');
  form(network, 4, [&](Config& config) { config.keys = wire::KeyRing::of({old_key}).value(); });
  Token token = 0;
  const auto change = [&](KeyOperation operation, const std::string& key) {
    network.command(0, ChangeKeys{operation, key, ++token});
    network.run_for(seconds(5));
    const auto done = notices<QueryDone>(network, 0);
    REQUIRE(done.size() == token);
    CHECK(done.back().answers == 4);
  };
  change(KeyOperation::install, new_key);
  change(KeyOperation::use, new_key);
  change(KeyOperation::remove, old_key);
  for (size_t i = 0; i < 4; ++i) {
    CHECK(network.node(i).keys().keys() == std::vector{new_key});
    CHECK(notices<KeysChanged>(network, i).size() == 3);
    for (size_t j = 0; j < 4; ++j) CHECK(network.view(i, j) == Status::alive);
  }
  network.run_for(seconds(60));
  for (size_t i = 0; i < 4; ++i) CHECK(story(network, i, "m1") == "join");
}

TEST_CASE("a member without the key is not admitted, and is told why") {
  Network network(13);
  form(network, 2, [](Config& c) { c.keys = wire::KeyRing::of({std::string(32, 'a')}).value(); });
  network.add("stranger");
  network.command(2, Join{{network.address(0)}});
  network.add("wrong",
              [](Config& c) { c.keys = wire::KeyRing::of({std::string(32, 'b')}).value(); });
  network.command(3, Join{{network.address(0)}});
  network.run_for(seconds(15));
  for (size_t i : {2U, 3U}) {
    const auto done = notices<JoinDone>(network, i);
    REQUIRE(done.size() == 1);
    CHECK(done[0].contacted == 0);
    REQUIRE(done[0].errors.size() == 1);
    CHECK(network.view(0, i) == Status::none);
  }
  CHECK(notices<JoinDone>(network, 2)[0].errors[0] ==
        "10.0.0.0:7946: Remote state is encrypted and encryption is not configured");
  CHECK(network.node(0).stats().streams_unreadable == 2);
}

TEST_CASE("of two members with one name the newcomer gives up") {
  Network network(14);
  form(network, 4);
  network.add("m1");
  network.command(4, Join{{network.address(0)}});
  network.run_for(seconds(20));
  CHECK_FALSE(network.up(4));
  REQUIRE(notices<Stopped>(network, 4).size() == 1);
  CHECK_FALSE(notices<Stopped>(network, 4)[0].left);
  CHECK(network.up(1));
  CHECK(network.node(0).members().at("m1").address == network.address(1));
}

TEST_CASE("a member that was stopped for a while refutes and stays") {
  Network network(15);
  form(network, 4);
  network.run_for(seconds(5));
  network.pause(2, network.now() + milliseconds(4'500));
  network.run_for(seconds(15));
  for (size_t i = 0; i < 4; ++i) CHECK(network.view(i, 2) == Status::alive);
  CHECK(network.node(2).incarnation() > 1);
}

TEST_CASE("round trips are estimated from the acks") {
  Network network(16, {.delay_min = milliseconds(20), .delay_max = milliseconds(22)});
  form(network, 5);
  network.run_for(seconds(120));
  const auto estimate = network.node(0).round_trip("m1");
  REQUIRE(estimate);
  CHECK(estimate->seconds() == doctest::Approx(0.042).epsilon(0.3));
}

TEST_CASE("the same seed gives the same run, byte for byte") {
  uint64_t traces[2];
  for (uint64_t& trace : traces) {
    Network network(17, {.loss = 0.1});
    form(network, 6);
    network.crash(3);
    network.run_for(seconds(30));
    trace = network.trace();
  }
  CHECK(traces[0] == traces[1]);
  Network other(18, {.loss = 0.1});
  form(other, 6);
  other.crash(3);
  other.run_for(seconds(30));
  CHECK(other.trace() != traces[0]);
}

TEST_CASE("what no cluster would accept is refused at the start") {
  testing::CountingNonces nonces;
  Config config;
  config.name = "m";
  config.address = parse_address("127.0.0.1:7946").value();
  CHECK(Node::make(config, nonces));
  for (const char* name : {"", "with space", "sl/ash"}) {
    Config wrong = config;
    wrong.name = name;
    CHECK_FALSE(Node::make(wrong, nonces));
  }
  Config wrong = config;
  wrong.tags["big"] = std::string(600, 'x');
  CHECK_FALSE(Node::make(wrong, nonces));
  wrong = config;
  wrong.address.port = 0;
  CHECK_FALSE(Node::make(wrong, nonces));
}

/// A member of its own, and what it says to packets that nobody would send in good faith.
struct Lone {
  Lone() {
    Config config;
    config.name = "me";
    config.address = parse_address("10.0.0.1:7946").value();
    node = Node::make(config, nonces).value();
    node->start({});
  }
  Effects take(const std::string& packet) {
    return node->step({}, PacketReceived{parse_address("10.0.0.9:7946").value(), packet});
  }
  testing::CountingNonces nonces;
  std::unique_ptr<Node> node;
};

TEST_CASE(
    "a claim with a version vector that would harm stock nodes is neither believed nor passed on") {
  const wire::Alive good{1,
                         "other",
                         wire::Blob("\x0a\1\1\2"),
                         7946,
                         wire::Blob("\xff\x80"),
                         wire::Blob(std::string(our_vsn))};
  std::vector<wire::Alive> harmful(8, good);
  harmful[0].vsn = wire::Blob();
  harmful[1].vsn = wire::Blob("\1\5\2");
  harmful[2].vsn = wire::Blob(std::string("\0\5\2\2\5\5", 6));
  harmful[3].vsn = wire::Blob("\5\5\5\5\5\5");
  harmful[4].addr = wire::Blob("\x0a\1\1");
  harmful[5].meta = wire::Blob(std::string(513, 'x'));
  harmful[6].incarnation = UINT32_MAX;
  harmful[7].incarnation = 0;
  Lone lone;
  for (const wire::Alive& claim : harmful) {
    lone.take(encode(claim));
    CHECK(lone.node->members().size() == 1);
  }
  CHECK(lone.node->stats().nodes_refused == harmful.size());
  lone.take(encode(good));
  CHECK(lone.node->members().size() == 2);
}

TEST_CASE("an entry said to be dead in a push/pull is only suspected, so that it can refute") {
  Lone lone;
  lone.take(encode(wire::Alive{3, "other", wire::Blob("\x0a\1\1\2"), 7946, wire::Blob("\xff\x80"),
                               wire::Blob(std::string(our_vsn))}));
  wire::PushPull state;
  state.nodes.push_back({"other",
                         wire::Blob("\x0a\1\1\2"),
                         7946,
                         {},
                         3,
                         wire::NodeState::dead,
                         wire::Blob(std::string(our_vsn))});
  lone.node->step({}, StreamAccepted{1});
  lone.node->step({}, StreamReceived{1, encode(state)});
  CHECK(lone.node->members().at("other").status == Status::alive);
  CHECK(lone.node->suspects("other"));
  lone.take(encode(wire::Dead{3, "other", "third"}));
  CHECK(lone.node->members().at("other").status == Status::failed);
  CHECK_FALSE(lone.node->suspects("other"));
}

TEST_CASE("what is said about ourselves is refuted with a higher incarnation") {
  Lone lone;
  CHECK(lone.node->incarnation() == 1);
  lone.take(encode(wire::Suspect{1, "me", "other"}));
  CHECK(lone.node->incarnation() == 2);
  lone.take(encode(wire::Dead{7, "me", "me"}));
  CHECK(lone.node->incarnation() == 8);
  lone.take(encode(wire::Dead{7, "me", "me"}));
  CHECK(lone.node->incarnation() == 8);
  lone.take(encode(wire::Dead{UINT32_MAX, "me", "me"}));
  CHECK(lone.node->incarnation() == 8);
  CHECK(lone.node->health() == 2);
}

TEST_CASE("a time far in the future is not followed and blocks nothing") {
  Lone lone;
  const std::string user{wire::octet(wire::Type::user)};
  lone.take(user + encode(wire::UserEvent{UINT64_MAX - 511, "evil", {}, false}));
  const Effects effects = lone.take(user + encode(wire::UserEvent{1, "good", {}, false}));
  REQUIRE(effects.notices.size() == 1);
  CHECK(std::get<UserEventNotice>(effects.notices[0]).name == "good");
}

TEST_CASE("a ping is answered to its source address, and one for another name is not answered") {
  Lone lone;
  const wire::Ping ping{7, "me", wire::Blob("\x0a\1\1\2"), 1234, "other"};
  const Effects effects = lone.take(encode(ping));
  REQUIRE(effects.actions.size() == 1);
  CHECK(format(std::get<SendPacket>(effects.actions[0]).to) == "10.1.1.2:1234");
  wire::Ping bare{8, "", {}, 0, ""};
  CHECK(format(std::get<SendPacket>(lone.take(encode(bare)).actions.at(0)).to) == "10.0.0.9:7946");
  bare.node = "somebody";
  CHECK(lone.take(encode(bare)).actions.empty());
}

}  // namespace serf
