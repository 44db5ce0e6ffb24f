// What a log may hold after a misfortune, kept beside the log by the tests of this room.
#pragma once

#include <string>
#include <vector>

#include "log/log.h"

namespace ledger::log {

/// The states that a log may have after a crash: the one after the last drain that succeeded, and
/// those that the writes queued since would have led to, in their order.
struct Truth {
  using State = std::vector<Entry>;

  State base;     ///< Durable for certain.
  State planned;  ///< With all that was queued.
  State queued;   ///< Entries queued since; one at or below the end so far cuts there.
  Vote vote;      ///< Durable for certain.
  std::vector<Vote> queued_votes;
  Index committed;  ///< In `planned`, as consensus knows it.

  /// `entries` were taken by Log::append, which skips those that it has.
  void append(const State& entries);
  /// A drain made all durable that was queued when `state` was planned and `count` entries waited.
  void drained(State state, size_t count);
  void drained() { drained(planned, queued.size()); }
  void voted();

  bool may_be(const State& state) const;
  /// What is wrong with a log that was just recovered, or nothing; then its state is the truth.
  std::string take_recovered(const Log& log);
};

/// How many entries the two begin with in common.
uint64_t common(const Truth::State& a, const Truth::State& b);

std::string describe(const Truth::State& state);

}  // namespace ledger::log
