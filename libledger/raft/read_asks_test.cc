#include "raft/read_asks.h"

#include <doctest/doctest.h>

using namespace ledger;
using namespace ledger::raft;

TEST_CASE("one ask is for all reads that wait when it begins, and for no later ones") {
  ReadAsks asks(99);
  CHECK_FALSE(asks.begin(Index(1)));
  asks.ask(1);
  asks.ask(2);
  CHECK(asks.begin(Index(4)));
  const uint64_t first = asks.round();
  CHECK(first == 100);
  CHECK(asks.committed() == Index(4));
  asks.ask(3);
  CHECK_FALSE(asks.begin(Index(5)));
  CHECK(asks.grant(Index(7)) == std::vector{ReadGranted{1, Index(7)}, ReadGranted{2, Index(7)}});
  CHECK_FALSE(asks.under_way());
  CHECK(asks.begin(Index(5)));
  CHECK(asks.round() != first);
  CHECK(asks.grant(Index(8)) == std::vector{ReadGranted{3, Index(8)}});
}

TEST_CASE("at the end of a leadership a follower's reads are lost, asked for or not") {
  ReadAsks asks(0);
  asks.ask(1);
  asks.begin(Index(4));
  asks.ask(2);
  CHECK(asks.lose() == std::vector<uint64_t>{1, 2});
  CHECK_FALSE(asks.begin(Index(4)));
}
