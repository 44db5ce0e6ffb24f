#include "node/formation.h"

#include <doctest/doctest.h>

using namespace ledger;
using node::Contact;
using node::Formation;

namespace {

const Id cluster = *parse_id("3f2a0c11-7a10-4c00-8000-4b5a5e9d1c0a");

rpc::Introduction who(const std::string& name, uint64_t member, bool expects = true) {
  return {.name = name,
          .member = MemberId(member),
          .address = "127.0.0.1:" + std::to_string(17000 + member),
          .version = {},
          .cluster = {},
          .founding = {},
          .expects = expects};
}

Contact answers(const rpc::Introduction& peer) {
  return {peer.name, peer.address, peer};
}

Contact silent(const std::string& name) {
  return {name, "127.0.0.1:17999"};
}

/// A node of the cluster that `founders` founded.
rpc::Introduction of_cluster(rpc::Introduction peer, std::vector<raft::Member> founders) {
  peer.cluster = cluster;
  peer.expects = false;
  peer.founding = node::founding_entry({std::move(founders)}, Time{1});
  return peer;
}

raft::Member voter(const rpc::Introduction& peer) {
  return {peer.member, raft::Standing::voter, peer.name, peer.address};
}

}  // namespace

TEST_CASE("the first name founds with all, once all have said that they wait") {
  const auto n1 = who("n1", 30), n2 = who("n2", 20), n3 = who("n3", 10);
  CHECK_FALSE(node::form(n1, 3, {answers(n2), silent("n3")}).value());
  CHECK_FALSE(node::form(n1, 3, {answers(n2), answers(who("n3", 10, false))}).value());
  CHECK_FALSE(node::form(n2, 3, {answers(n1), answers(n3)}).value());
  const auto formation = node::form(n1, 3, {answers(n2), answers(n3)}).value();
  REQUIRE(formation);
  CHECK(formation->way == Formation::Way::found);
  CHECK(formation->founders.members == std::vector{voter(n3), voter(n2), voter(n1)});
}

TEST_CASE("only as many found as are expected, the others join") {
  const auto n1 = who("n1", 1), n2 = who("n2", 2), n3 = who("n3", 3);
  const auto formation = node::form(n1, 2, {answers(n3), answers(n2)}).value();
  REQUIRE(formation);
  CHECK(formation->founders.members == std::vector{voter(n1), voter(n2)});
  CHECK_FALSE(node::form(n3, 2, {answers(n1), answers(n2)}).value());
}

TEST_CASE("one that was founded with others begins with their first entry") {
  const auto n1 = who("n1", 1), n2 = who("n2", 2);
  const auto formation =
      node::form(n2, 2, {answers(of_cluster(n1, {voter(n1), voter(n2)}))}).value();
  REQUIRE(formation);
  CHECK(formation->way == Formation::Way::adopt);
  CHECK(formation->cluster == cluster);
  CHECK(formation->founding->index == Index(1));
}

TEST_CASE("a founder that lost its disk joins what it founded, and never founds again") {
  const auto old = who("n1", 1), fresh = who("n1", 99), n2 = who("n2", 2);
  const auto formation =
      node::form(fresh, 2, {answers(of_cluster(n2, {voter(old), voter(n2)}))}).value();
  REQUIRE(formation);
  CHECK(formation->way == Formation::Way::join);
  CHECK_FALSE(node::form(fresh, 2, {silent("n2")}).value());
}

TEST_CASE("without anything expected it joins whoever has a cluster") {
  const auto n1 = who("n1", 1), n4 = who("n4", 4, false);
  CHECK_FALSE(node::form(n4, 0, {answers(n1)}).value());
  const auto formation = node::form(n4, 0, {answers(of_cluster(n1, {voter(n1)}))}).value();
  REQUIRE(formation);
  CHECK(formation->way == Formation::Way::join);
  CHECK(formation->cluster == cluster);
}

TEST_CASE("a list that is wrong is said") {
  const auto n1 = who("n1", 1), n2 = who("n2", 2);
  Contact wrong = answers(n2);
  wrong.name = "n3";
  CHECK(node::form(n1, 2, {wrong}).error().code == Code::config_invalid);
  auto other = of_cluster(who("n3", 3), {voter(n1)});
  other.cluster = *parse_id("00000000-7a10-4c00-8000-4b5a5e9d1c0a");
  CHECK(node::form(n1, 2, {answers(of_cluster(n2, {voter(n2)})), answers(other)}).error().code ==
        Code::cluster_id_mismatch);
}

TEST_CASE("by gossip the first of those that were told a number founds, with all") {
  const auto n1 = who("n1", 30, false), n2 = who("n2", 20), n3 = who("n3", 10);
  CHECK_FALSE(node::form_by_gossip(n1, 0, {answers(n2), answers(n3)}).value());
  CHECK_FALSE(node::form_by_gossip(n3, 3, {answers(n1), answers(n2)}).value());
  const auto formation = node::form_by_gossip(n2, 3, {answers(n1), answers(n3)}).value();
  REQUIRE(formation);
  CHECK(formation->way == Formation::Way::found);
  CHECK(formation->founders.members == std::vector{voter(n3), voter(n2), voter(n1)});
}

TEST_CASE("by gossip who alone was told a number leaves out whom it does not need") {
  const auto n2 = who("n2", 2), n1 = who("n1", 1, false), n3 = who("n3", 3, false),
             n4 = who("n4", 4, false);
  const auto formation =
      node::form_by_gossip(n2, 3, {answers(n4), answers(n3), answers(n1)}).value();
  REQUIRE(formation);
  CHECK(formation->founders.members == std::vector{voter(n1), voter(n2), voter(n3)});
  // One that is not needed may still know of a cluster.
  CHECK_FALSE(node::form_by_gossip(n2, 3, {answers(n1), answers(n3), silent("n4")}).value());
  const auto known = of_cluster(n4, {voter(n4)});
  CHECK(node::form_by_gossip(n2, 3, {answers(n1), answers(n3), answers(known)}).value()->way ==
        Formation::Way::join);
  CHECK_FALSE(node::form_by_gossip(n2, 5, {answers(n1), answers(n3), answers(n4)}).value());
}

TEST_CASE(
    "by gossip none of several that were told a number founds before all are there and have "
    "answered, or when more are") {
  const auto n1 = who("n1", 1), n2 = who("n2", 2), n3 = who("n3", 3), n4 = who("n4", 4);
  CHECK_FALSE(node::form_by_gossip(n1, 3, {answers(n2)}).value());
  CHECK_FALSE(node::form_by_gossip(n1, 3, {answers(n2), silent("n3")}).value());
  CHECK_FALSE(node::form_by_gossip(n1, 3, {answers(n2), answers(n3), answers(n4)}).value());
  CHECK(node::form_by_gossip(n1, 4, {answers(n2), answers(n3), answers(n4)}).value());
}

TEST_CASE(
    "by gossip a node that answers by another name, or with another's id, is not counted on") {
  const auto n1 = who("n1", 1), n2 = who("n2", 2), n3 = who("n3", 3);
  CHECK_FALSE(node::form_by_gossip(n1, 3, {answers(n2), {"n3", n2.address, n2}}).value());
  CHECK_FALSE(node::form_by_gossip(n1, 3, {answers(n2), answers(who("n3", 2))}).value());
}

TEST_CASE("by gossip who finds a cluster joins it, or begins with its first entry as a founder") {
  const auto n1 = who("n1", 1), n2 = who("n2", 2), n3 = who("n3", 3);
  const auto peer = of_cluster(n1, {voter(n1), voter(n2)});
  for (const size_t expect : {0, 2, 3}) {
    const auto founder = node::form_by_gossip(n2, expect, {answers(peer)}).value();
    REQUIRE(founder);
    CHECK(founder->way == Formation::Way::adopt);
    const auto newcomer = node::form_by_gossip(n3, expect, {answers(peer), silent("n2")}).value();
    REQUIRE(newcomer);
    CHECK(newcomer->way == Formation::Way::join);
    CHECK(newcomer->cluster == cluster);
  }
  auto stranger = of_cluster(n2, {voter(n2)});
  stranger.cluster = *parse_id("00000000-0000-4000-8000-000000000001");
  const auto torn = node::form_by_gossip(n3, 0, {answers(peer), answers(stranger)});
  REQUIRE_FALSE(torn);
  CHECK(torn.error().code == Code::cluster_id_mismatch);
}

TEST_CASE("of what gossip knows, nodes that are up are asked who they are") {
  using State = rpc::GossipMember::State;
  const auto seen = [](const std::string& name, State state) {
    return rpc::GossipMember{.name = name,
                             .address = name + ":2",
                             .state = state,
                             .ledger = true,
                             .member = MemberId(1),
                             .cluster = {},
                             .rpc_address = name + ":1",
                             .version = {}};
  };
  std::vector<rpc::GossipMember> gossip = {
      seen("n1", State::alive),  seen("n2", State::alive), seen("n3", State::suspect),
      seen("n4", State::failed), seen("n5", State::left),  seen("n6", State::leaving),
      seen("n7", State::alive),  seen("n8", State::alive), seen("n9", State::alive)};
  gossip[6].rpc_address.clear();
  gossip[7].ledger = false;
  gossip[8].member = MemberId();
  const std::vector<Contact> contacts = node::contacts_by_gossip(who("n1", 1), gossip);
  REQUIRE(contacts.size() == 2);
  CHECK(contacts[0].name == "n2");
  CHECK(contacts[0].address == "n2:1");
  CHECK(contacts[1].name == "n3");
}
