#include "node/cuts.h"

#include <doctest/doctest.h>

namespace ledger::node {
namespace {

std::vector<raft::Member> members() {
  return {{MemberId(2), raft::Standing::voter, "n2", "127.0.0.1:2"},
          {MemberId(3), raft::Standing::voter, "n3", "127.0.0.1:3"}};
}

TEST_CASE("a line cuts one member off, both ways or one") {
  const auto cuts = Cuts::parse("n2\nto n3\nfrom n4\nto n5\nfrom n5\n");
  REQUIRE(cuts);
  CHECK(cuts->at("n2") == Cuts::Ways{true, true});
  CHECK(cuts->at("n3") == Cuts::Ways{true, false});
  CHECK(cuts->at("n4") == Cuts::Ways{false, true});
  CHECK(cuts->at("n5") == Cuts::Ways{true, true});
  CHECK(Cuts::parse("")->empty());
  for (const char* text : {"N2\n", "\n", "to  n2\n", "n2 n3\n", "leader\n"}) {
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

}  // namespace
}  // namespace ledger::node
