#include "base/node_name.h"

#include <doctest/doctest.h>

using namespace ledger;

TEST_CASE("node names are plain words that select nothing else") {
  CHECK(valid_node_name("n1"));
  CHECK(valid_node_name("db-7"));
  for (const char* name :
       {"", "-n", "N1", "leader", "all", "a.b", "n_1", "a23456789012345678901234567890123"}) {
    CAPTURE(name);
    CHECK_FALSE(valid_node_name(name));
  }
}
