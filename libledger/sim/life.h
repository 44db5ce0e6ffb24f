// A whole life of a simulated cluster of whole nodes: trouble, then healing, then progress.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "sim/world.h"

namespace ledger::sim {

struct Life {
  uint64_t seed = 0;
  Duration trouble = std::chrono::seconds(10);
  uint32_t guards_left_out = 0;  ///< As in raft::Settings.
  std::function<void(const std::string&)> narrate = {};
};

struct Told {
  uint64_t hash = 0;  ///< Of every turn of every member: equal for equal lives.
  std::optional<std::string> violation;
  Duration simulated{};
  Counts counts;
};

/// Runs a cluster and its clients through the bad luck that the seed draws, checking after each
/// turn; then heals it and waits for progress: a new record acknowledged within ten election
/// timeouts, every member up to date and equal to all others within ten more, every read answered.
Told live(const Life& life);

}  // namespace ledger::sim
