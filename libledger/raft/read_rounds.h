// Linearizable reads without a log write and without a clock.
#pragma once

#include <set>
#include <vector>

#include "raft/engine.h"

namespace ledger::raft {

/// Proves that a leader still led after reads were asked for: it asks the voters, and when a
/// majority answers in its term, nobody had been elected in a later one before the round began; so
/// the commit index of that moment covers every write acknowledged before it. One round serves all
/// reads that wait when it begins; those that come meanwhile wait for the next.
///
/// Source: Ongaro 2014, section 6.4. Belongs to one leadership: `lose` at its end.
class ReadRounds {
 public:
  void ask(uint64_t token) { waiting_.push_back(token); }

  /// Begins a round where reads wait and none is under way. True: send probes with `round()`.
  bool begin(Index committed);
  uint64_t round() const { return round_; }
  bool under_way() const { return !asked_.empty(); }

  /// A voter that is not in a later term has answered.
  void answered(MemberId member, uint64_t round);

  /// The reads of this round, once `self` and those who answered are a majority of the voters.
  std::vector<ReadGranted> confirmed(const Configuration& configuration, MemberId self);

  /// Gives up all reads and returns their tokens.
  std::vector<uint64_t> lose();

 private:
  uint64_t round_ = 0;  ///< Never used twice, so a late answer confirms nothing.
  Index index_;         ///< Of the round under way.
  std::vector<uint64_t> asked_;
  std::vector<uint64_t> waiting_;
  std::set<MemberId> answered_;
};

}  // namespace ledger::raft
