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
  ReadRounds rounds;
  CHECK_FALSE(rounds.begin(Index(1)));
  rounds.ask(7);
  rounds.ask(8);
  CHECK(rounds.begin(Index(5)));
  CHECK_FALSE(rounds.confirmed(three, a));
  rounds.answered(d, rounds.round());
  CHECK_FALSE(rounds.confirmed(three, a));
  rounds.answered(c, rounds.round());
  CHECK(rounds.confirmed(three, a));
  CHECK(rounds.index() == Index(5));
  CHECK(rounds.grant().tokens == std::vector<uint64_t>{7, 8});
  CHECK_FALSE(rounds.confirmed(three, a));
}

TEST_CASE("an answer to an earlier round confirms nothing") {
  ReadRounds rounds;
  rounds.ask(1);
  rounds.begin(Index(5));
  const uint64_t first = rounds.round();
  rounds.answered(b, first);
  CHECK(rounds.confirmed(three, a));
  rounds.grant();
  rounds.ask(2);
  rounds.begin(Index(6));
  rounds.answered(c, first);
  CHECK_FALSE(rounds.confirmed(three, a));
}

TEST_CASE("a read asked during a round waits for the next") {
  ReadRounds rounds;
  rounds.ask(1);
  rounds.begin(Index(5));
  rounds.ask(2);
  CHECK_FALSE(rounds.begin(Index(6)));
  CHECK(rounds.grant().tokens == std::vector<uint64_t>{1});
  CHECK(rounds.index() == Index(5));
  CHECK(rounds.begin(Index(6)));
  CHECK(rounds.grant().tokens == std::vector<uint64_t>{2});
  CHECK(rounds.index() == Index(6));
}

TEST_CASE("one round serves several members, each for its last ask") {
  ReadRounds rounds;
  rounds.ask(b, 70);
  rounds.ask(b, 71);
  rounds.ask(d, 5);
  CHECK(rounds.begin(Index(5)));
  rounds.ask(b, 71);  // Repeated: the answer that is to come will do.
  rounds.ask(d, 6);
  CHECK(rounds.grant().others == std::map<MemberId, uint64_t>{{b, 71}, {d, 5}});
  CHECK(rounds.begin(Index(6)));
  CHECK(rounds.grant().others == std::map<MemberId, uint64_t>{{d, 6}});
  rounds.ask(d, 6);  // Its answer was lost.
  CHECK(rounds.begin(Index(7)));
}

TEST_CASE("a sole voter confirms by itself") {
  ReadRounds rounds;
  rounds.ask(1);
  rounds.begin(Index(5));
  CHECK(rounds.confirmed({{{a, Standing::voter, "", ""}}}, a));
}

TEST_CASE("at the end of a leadership all reads are lost") {
  ReadRounds rounds;
  rounds.ask(1);
  rounds.ask(b, 7);
  rounds.begin(Index(5));
  rounds.ask(2);
  rounds.ask(b, 8);
  rounds.ask(c, 9);
  const Readers lost = rounds.lose();
  CHECK(lost.tokens == std::vector<uint64_t>{1, 2});
  CHECK(lost.others == std::map<MemberId, uint64_t>{{b, 8}, {c, 9}});
  CHECK_FALSE(rounds.begin(Index(5)));
}
