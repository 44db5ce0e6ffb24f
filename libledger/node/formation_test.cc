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
