#include "node/cuts.h"

#include <doctest/doctest.h>

namespace ledger::node {
namespace {

std::vector<raft::Member> members() {
  return {{MemberId(2), raft::Standing::voter, "n2", "127.0.0.1:2"},
          {MemberId(3), raft::Standing::voter, "n3", "127.0.0.1:3"}};
}

TEST_CASE("a line cuts one member off, both ways or one") {
  const auto cuts = Cuts::parse("n2\nto n3\nfrom n4 127.0.0.1:41\nto n5\nfrom n5\n");
  REQUIRE(cuts);
  CHECK(cuts->at("n2") == Cuts::Ways{true, true});
  CHECK(cuts->at("n3") == Cuts::Ways{true, false});
  CHECK(cuts->at("n4") == Cuts::Ways{false, true, "127.0.0.1:41"});
  CHECK(cuts->at("n5") == Cuts::Ways{true, true});
  CHECK(Cuts::parse("")->empty());
  for (const char* text : {"N2\n", "\n", "to  n2\n", "n2 n3\n", "n2 \n", "leader\n"}) {
    CAPTURE(text);
    CHECK(Cuts::parse(text).error().code == Code::config_invalid);
  }
}

TEST_CASE("whoever is named is cut off under every id he has, and nobody else") {
  Cuts cuts;
  cuts.set_members(members());
  CHECK_FALSE(cuts.to(MemberId(2)));
  cuts.set({{"n2", {.to = true, .from = false}}});
  CHECK(cuts.to(MemberId(2)));
  CHECK_FALSE(cuts.from(MemberId(2)));
  CHECK_FALSE(cuts.to(MemberId(3)));
  auto others = members();
  others[0].id = MemberId(7);
  cuts.set_members(others);
  CHECK(cuts.to(MemberId(7)));
  CHECK_FALSE(cuts.to(MemberId(2)));
  cuts.set({});
  CHECK_FALSE(cuts.to(MemberId(7)));
}

TEST_CASE("who is cut off in one way can't be asked, and gossip knows him by his address") {
  Cuts cuts;
  CHECK_FALSE(cuts.apart("n2"));
  CHECK_FALSE(cuts.gossip("127.0.0.1:21").any());
  cuts.set(Cuts::parse("to n2 127.0.0.1:21\nn3\n").value());
  CHECK(cuts.apart("n2"));
  CHECK(cuts.apart("n3"));
  CHECK_FALSE(cuts.apart("n4"));
  CHECK(cuts.gossip("127.0.0.1:21").to);
  CHECK_FALSE(cuts.gossip("127.0.0.1:21").from);
  CHECK_FALSE(cuts.gossip("127.0.0.1:31").any());
  const auto asked = hello(cuts, "n2", "127.0.0.1:20", std::chrono::seconds(1));
  CHECK(asked.error().message == "n2 is cut off on purpose");
}

}  // namespace
}  // namespace ledger::node
