// Linearizable reads without a log write and without a clock: the leader's side.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "raft/engine.h"

namespace ledger::raft {

/// Those who wait for a read index.
struct Readers {
  std::vector<uint64_t> tokens;         ///< Our own reads.
  std::map<MemberId, uint64_t> others;  ///< Other members' asks, by their round; one a member.

  bool empty() const { return tokens.empty() && others.empty(); }
};

/// Proves that a leader still led after reads were asked for: it asks the voters, and when a
/// majority answers in its term, nobody had been elected in a later one before the round began; so
/// the commit index of that moment covers every write acknowledged before it. One round serves all
/// reads that wait when it begins; those that come meanwhile wait for the next.
///
/// Source: Ongaro 2014, section 6.4. Belongs to one leadership: `lose` at its end.
class ReadRounds {
 public:
  void ask(uint64_t token) { waiting_.tokens.push_back(token); }
  /// Another member's ask. Repeated while its round is under way it does nothing; a later one takes
  /// the place of one that waits.
  void ask(MemberId member, uint64_t round);

  /// Begins a round where reads wait and none is under way. True: send probes with `round()`.
  bool begin(Index committed);
  uint64_t round() const { return round_; }
  bool under_way() const { return !asked_.empty(); }
  /// What the round under way grants, or the last one granted.
  Index index() const { return index_; }

  /// A voter that is not in a later term has answered.
  void answered(MemberId member, uint64_t round);

  /// Whether `self` and those who answered this round are a majority of the voters.
  bool confirmed(const Configuration& configuration, MemberId self) const;
  /// Ends the round; those whom it serves.
  Readers grant() { return std::exchange(asked_, {}); }

  /// Gives up all reads and returns them.
  Readers lose();

 private:
  uint64_t round_ = 0;  ///< Never used twice, so a late answer confirms nothing.
  Index index_;
  Readers asked_;  ///< Of the round under way.
  Readers waiting_;
  std::set<MemberId> answered_;
};

}  // namespace ledger::raft
