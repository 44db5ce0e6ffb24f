#include "raft/libraft.h"

#include <doctest/doctest.h>

#include <array>

extern "C" const size_t ledger_libraft_sizes[10];

TEST_CASE("C and C++ see the same layout of libraft's structures") {
  const std::array<size_t, 10> here = {
      sizeof(raft),
      sizeof(raft_event),
      sizeof(raft_update),
      sizeof(raft_message),
      sizeof(raft_entry),
      sizeof(raft_snapshot_metadata),
      offsetof(raft, configuration_uncommitted_index),
      offsetof(raft, last_stored),
      offsetof(raft, trail),
      offsetof(raft, barrier),
  };
  for (size_t i = 0; i < here.size(); ++i) {
    CAPTURE(i);
    CHECK(here[i] == ledger_libraft_sizes[i]);
  }
}

TEST_CASE("the layout is that of libraft 0.22.1 with its legacy fields") {
  CHECK(sizeof(raft) == 992);
  CHECK(sizeof(raft_event) == 80);
  CHECK(sizeof(raft_update) == 120);
  CHECK(sizeof(raft_message) == 96);
}
