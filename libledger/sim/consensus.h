// A whole life of a simulated cluster, consensus only: trouble, then healing, then progress.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "sim/cluster.h"

namespace ledger::sim {

struct Scenario {
  uint64_t seed = 0;
  Duration trouble = std::chrono::seconds(30);
  uint32_t guards_left_out = 0;  ///< As in raft::Settings.
  std::function<void(const std::string&)> narrate;
};

struct Report {
  uint64_t hash = 0;  ///< Of every step of every engine: equal for equal scenarios.
  std::optional<std::string> violation;
  Duration simulated{};
  Counts counts;
};

/// Runs a cluster through the bad luck that the seed draws, checking after each step, then heals it
/// and waits for progress: a new record acknowledged, and every member up to date with the leader.
Report run_consensus(const Scenario& scenario);

}  // namespace ledger::sim
