// What a node with a damaged log asks the others.
#include <doctest/doctest.h>

#include "rpc/memory_peer.h"

using namespace ledger;
using namespace ledger::rpc;

namespace {

constexpr Duration patience = std::chrono::seconds(60);

struct Asker {
  PeerSide peer{2};
  std::unique_ptr<Questions> questions = Questions::start(MemberId(1), test_id(7));
};

}  // namespace

TEST_CASE("a question about an entry has one answer, with what the other has from there on") {
  Asker asker;
  asker.peer.node.set_log(test_entries(100, 50));
  asker.peer.node.set_match(Match::holds);
  const EntriesAsked asked{Index(90), Index(95), Term(1)};
  const auto given = asker.questions->entries(asker.peer.member(), asked, patience);
  REQUIRE(given);
  REQUIRE(given->entries.size() == 5);
  CHECK(given->entries.front().index == Index(90));
  CHECK(given->committed == Index(100));
  CHECK(given->match == Match::holds);
  REQUIRE(asker.peer.node.asked.size() == 1);
  CHECK(asker.peer.node.asked[0].term == Term(1));
}

TEST_CASE("an answer without entries is one as well") {
  Asker asker;
  asker.peer.node.set_match(Match::differs);
  const EntriesAsked asked{Index(3), Index(5), Term(0)};
  const auto given = asker.questions->entries(asker.peer.member(), asked, patience);
  REQUIRE(given);
  CHECK(given->entries.empty());
  CHECK(given->match == Match::differs);
  asker.peer.node.fail_entries(Error{Code::corrupt_segment, "segment 3: bad CRC"});
  const auto failed = asker.questions->entries(asker.peer.member(), asked, patience);
  REQUIRE_FALSE(failed);
  CHECK(failed.error().code == Code::corrupt_segment);
}

TEST_CASE("a leader confirms itself, and nobody else does") {
  Asker asker;
  const auto refused = asker.questions->confirm(asker.peer.member(), patience);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Code::no_leader);
  asker.peer.node.set_leading({Term(4), Index(17), Index(20)});
  const auto leading = asker.questions->confirm(asker.peer.member(), patience);
  REQUIRE(leading);
  CHECK(leading->term == Term(4));
  CHECK(leading->committed == Index(17));
  CHECK(leading->last == Index(20));
}

TEST_CASE("who belongs to another cluster, or has gone, is told or said to be so") {
  Asker asker;
  const auto stranger = Questions::start(MemberId(1), test_id(8));
  const EntriesAsked asked{Index(1), Index(2), Term(1)};
  CHECK(stranger->entries(asker.peer.member(), asked, patience).error().code ==
        Code::cluster_id_mismatch);
  asker.peer.server->stop({});
  CHECK(asker.questions->confirm(asker.peer.member(), patience).error().code == Code::unreachable);
  asker.questions->stop();
  CHECK_FALSE(asker.questions->confirm(asker.peer.member(), patience));
}
