#include "log/cases.h"

#include <doctest/doctest.h>

using namespace ledger::log;

TEST_CASE("a whole entry behind a torn one does not come back") {
  CHECK(torn_tail_stays_cut() == "");
}

TEST_CASE("an entry of another segment is refused in the right place") {
  CHECK(entry_of_another_segment_is_refused() == "");
}

TEST_CASE("an entry is refused in another place") {
  CHECK(entry_of_another_place_is_refused() == "");
}

TEST_CASE("an impossible length takes no memory") {
  CHECK(impossible_length_takes_no_memory() == "");
}

TEST_CASE("the image of an entry in a payload is no witness") {
  CHECK(image_in_a_payload_is_no_witness() == "");
}
