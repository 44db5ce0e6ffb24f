#include "raft/read_rounds.h"

#include <doctest/doctest.h>

using namespace ledger;
using namespace ledger::raft;

namespace {

constexpr MemberId a(1), b(2), c(3), d(4);
const Configuration three{{{a, Standing::voter, "", ""},
                           {b, Standing::voter, "", ""},
                           {c, Standing::voter, "", ""},
                           {d, Standing::standby, "", ""}}};

}  // namespace

TEST_CASE("a round ends with a majority of voters, and standbys do not count") {
  ReadRounds reads;
  CHECK_FALSE(reads.begin(Index(1)));
  reads.ask(7);
  reads.ask(8);
  CHECK(reads.begin(Index(5)));
  CHECK(reads.confirmed(three, a).empty());
  reads.answered(d, reads.round());
  CHECK(reads.confirmed(three, a).empty());
  reads.answered(c, reads.round());
  const std::vector<ReadGranted> granted = reads.confirmed(three, a);
  REQUIRE(granted.size() == 2);
  CHECK(granted[0] == ReadGranted{7, Index(5)});
  CHECK(granted[1] == ReadGranted{8, Index(5)});
  CHECK(reads.confirmed(three, a).empty());
}

TEST_CASE("an answer to an earlier round confirms nothing") {
  ReadRounds reads;
  reads.ask(1);
  reads.begin(Index(5));
  const uint64_t first = reads.round();
  reads.answered(b, first);
  CHECK(reads.confirmed(three, a).size() == 1);
  reads.ask(2);
  reads.begin(Index(6));
  reads.answered(c, first);
  CHECK(reads.confirmed(three, a).empty());
}

TEST_CASE("a read asked during a round waits for the next") {
  ReadRounds reads;
  reads.ask(1);
  reads.begin(Index(5));
  reads.ask(2);
  CHECK_FALSE(reads.begin(Index(6)));
  reads.answered(b, reads.round());
  CHECK(reads.confirmed(three, a) == std::vector{ReadGranted{1, Index(5)}});
  CHECK(reads.begin(Index(6)));
  reads.answered(b, reads.round());
  CHECK(reads.confirmed(three, a) == std::vector{ReadGranted{2, Index(6)}});
}

TEST_CASE("a sole voter confirms by itself") {
  ReadRounds reads;
  reads.ask(1);
  reads.begin(Index(5));
  CHECK(reads.confirmed({{{a, Standing::voter, "", ""}}}, a).size() == 1);
}

TEST_CASE("at the end of a leadership all reads are lost") {
  ReadRounds reads;
  reads.ask(1);
  reads.begin(Index(5));
  reads.ask(2);
  CHECK(reads.lose() == std::vector<uint64_t>{1, 2});
  CHECK_FALSE(reads.begin(Index(5)));
}
