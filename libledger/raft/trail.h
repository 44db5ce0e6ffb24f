// What the engine remembers of its log: every entry's term and every configuration, no payloads.
#pragma once

#include <vector>

#include "raft/configuration.h"

namespace ledger::raft {

/// A committed place in the log from which a consensus engine may begin.
struct Checkpoint {
  Index index;  ///< 0: before the first entry; the rest is unset then.
  Term term;
  Configuration configuration;  ///< In force at `index`.
  Index configuration_index;
};

/// The shape of a log from a first index on. 10^8 entries cost as much as their terms are many.
class Trail {
 public:
  Trail() = default;
  /// Empty after `checkpoint`.
  explicit Trail(Checkpoint checkpoint)
      : first_(checkpoint.index + 1), checkpoint_(std::move(checkpoint)) {}

  const Checkpoint& checkpoint() const { return checkpoint_; }
  /// The entries known are [first, last]; the checkpoint lies at first - 1 or after it.
  Index first() const { return first_; }
  Index last() const { return runs_.empty() ? first_ - 1 : runs_.back().last; }
  Term last_term() const { return term_at(last()); }
  /// 0 where it is not known, as at 0 and after the last.
  Term term_at(Index index) const;

  /// The last configuration, committed or not; without members when there is none.
  const Configuration& configuration() const;
  Index configuration_index() const;
  /// The configuration in force at `index`, which is at or after the checkpoint.
  Checkpoint checkpoint_at(Index index) const;

  /// The entry after the last. Terms never fall.
  void append(Term term);
  /// Likewise, an entry that holds a configuration.
  void append(Term term, Configuration configuration);
  /// Removes the entries from `index` on.
  void truncate(Index index);

  /// Moves the checkpoint up to `index`, which is committed and known, and forgets entries before
  /// it until at most `entries_max` are left or none is before it.
  void advance(Index index, uint64_t entries_max);

  /// A stretch of entries of one term; it begins where the one before it ends.
  struct Run {
    Index last;
    Term term;
  };
  const std::vector<Run>& runs() const { return runs_; }

  struct Change {
    Index index;
    Configuration configuration;
  };
  /// Those after the checkpoint's configuration.
  const std::vector<Change>& changes() const { return changes_; }

 private:
  Index first_{1};
  Checkpoint checkpoint_;
  std::vector<Run> runs_;
  std::vector<Change> changes_;
};

}  // namespace ledger::raft
