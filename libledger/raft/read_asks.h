// Linearizable reads without a log write and without a clock: a follower's side.
#pragma once

#include <vector>

#include "raft/engine.h"

namespace ledger::raft {

/// A follower's reads. It asks its leader for a read index, with one ask for all reads that wait
/// when it is sent; those that come meanwhile take the next, because the leader may have taken the
/// index before they were asked for. An answer counts for its own ask alone.
///
/// Belongs to one leadership: `lose` at its end.
class ReadAsks {
 public:
  /// `round` is drawn, and each ask takes the next: an answer to an ask of an earlier life of this
  /// member, which may still be on its way in the same term, fits none of this one.
  explicit ReadAsks(uint64_t round) : round_(round) {}

  void ask(uint64_t token) { waiting_.push_back(token); }

  /// Begins an ask where reads wait and none is under way. True: send it with `round()`.
  bool begin(Index committed);
  uint64_t round() const { return round_; }
  bool under_way() const { return !asked_.empty(); }
  /// What we knew to be committed when the ask began. A leader's answer is never below it.
  Index committed() const { return committed_; }

  /// The ask under way is answered with `index`: the reads that it was for.
  std::vector<ReadGranted> grant(Index index);

  /// Gives up all reads and returns their tokens.
  std::vector<uint64_t> lose();

 private:
  uint64_t round_;
  Index committed_;
  std::vector<uint64_t> asked_;
  std::vector<uint64_t> waiting_;
};

}  // namespace ledger::raft
