// What kind of bad luck a seed draws.
#pragma once

#include "raft/engine.h"
#include "sim/network.h"

namespace ledger::sim {

/// How often something happens, on average; zero: never.
struct Plan {
  size_t founders = 3;
  Weather weather;
  raft::Settings settings;
  uint64_t segment_entries = 16;  ///< The checkpoint lies at a multiple of it.
  uint64_t message_entries = 64;  ///< At most, per AppendEntries.
  uint64_t chunk_entries = 32;    ///< At most, per piece of a pull.
  uint64_t proposal_entries = 2;  ///< At most, per proposal.
  Duration disk = std::chrono::microseconds(300);
  Duration disk_slow = std::chrono::milliseconds(200);  ///< During a slow spell, at most.
  Duration propose_every{};
  Duration read_every{};
  Duration crash_every{};
  Duration down = std::chrono::milliseconds(500);  ///< At most, each time; the same for the others.
  Duration partition_every{};
  Duration parted = std::chrono::seconds(2);
  bool part_followers = false;  ///< Cuts off one follower at a time, never the leader.
  Duration pause_every{};
  Duration paused = std::chrono::milliseconds(800);
  Duration slow_every{};
  Duration slow = std::chrono::seconds(1);
  Duration transfer_every{};
  Duration change_every{};
  bool hasty_changes = false;     ///< The operator also changes things as soon as somebody leads.
  bool careless_changes = false;  ///< Promotes who has not caught up.
  bool demotes_only = false;      ///< Removes nobody.
  size_t voters_max = 5;
  bool strand_candidates = false;  ///< See Nemesis::strand.
  uint32_t crash_at_vote_ppm = 0;
};

/// Draws a plan; the kinds of trouble differ from seed to seed, so that none hides another.
Plan draw_plan(Random& random);

}  // namespace ledger::sim
