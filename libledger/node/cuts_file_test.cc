#include "node/cuts_file.h"

#include <doctest/doctest.h>

#include "io/memory_disk.h"

using namespace ledger;
using node::Cuts;

TEST_CASE("what the file says holds once it is read, until it says something else that it may") {
  io::MemoryDisk disk;
  Cuts cuts;
  node::Journal journal(node::Level::error, node::LogFormat::text);
  const auto read = [&](std::string_view text) {
    REQUIRE(io::write_file_durably(disk, "faults", text));
    node::read_cuts(disk, cuts, journal);
  };

  node::read_cuts(disk, cuts, journal);
  CHECK_FALSE(cuts.any());
  read("n2\n");
  CHECK(cuts.apart("n2"));
  read("N2 and others\n");
  CHECK(cuts.apart("n2"));
  read("n3\n");
  CHECK_FALSE(cuts.apart("n2"));
  CHECK(cuts.apart("n3"));
  REQUIRE(disk.remove("faults"));
  node::read_cuts(disk, cuts, journal);
  CHECK_FALSE(cuts.any());
}
