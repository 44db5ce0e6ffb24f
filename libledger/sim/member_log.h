// The log of a simulated member: what is written, what of it would survive a crash, and the queue
// between the two.
#pragma once

#include <deque>
#include <span>
#include <vector>

#include "base/entry.h"
#include "raft/engine.h"

namespace ledger::sim {

/// Stands for log::Log where only consensus is simulated; the same rules, no bytes.
class MemberLog {
 public:
  explicit MemberLog(std::vector<Entry> founding) : entries_(founding), durable_(founding) {}

  Index last() const { return Index(entries_.size()); }
  Term term_at(Index index) const;
  /// Entries [first, last], which are there, queued ones included.
  std::span<const Entry> range(Index first, Index last) const;

  Index durable_last() const { return Index(durable_.size()); }
  /// What is on disk and will stay: not what a queued cut takes away.
  Index synced() const;
  bool holds_durably(Index index, Term term) const;
  const Entry& durable(Index index) const { return durable_[index.value - 1]; }

  /// Queues consecutive entries: skips those equal in term, cuts at the first that differs, keeps
  /// what follows equal ones. `committed` is what is known committed now. False, and nothing is
  /// done, where a cut would remove a committed entry or there would be a gap.
  enum class Source { engine, pull };
  [[nodiscard]] bool append(std::span<const Entry> entries, Source source, Index committed);
  /// Queues what is stored as committed when a log falls idle.
  void save_committed(Index committed);

  bool has_writes() const { return !queue_.empty(); }
  /// Engine appends that wait for their Synced.
  bool engine_waits() const { return !writes_.empty(); }
  bool draining() const { return draining_ > 0; }
  void begin_drain() { draining_ = queue_.size(); }
  /// Makes durable what was queued at begin_drain; what to tell the engine, if anything.
  std::optional<raft::Synced> end_drain();
  /// How many writes wait.
  uint64_t queued() const { return queue_.size(); }
  /// Loses what is queued but for the first `kept` writes, which a crash may leave.
  void crash(uint64_t kept);

  /// As recovery would find it. `segment_entries` places segment ends; `trusting` takes the newest
  /// one as checkpoint, whether it is known committed or not (guard 9 left out).
  raft::DurableState recover(const Vote& vote, uint64_t segment_entries, bool trusting) const;

 private:
  struct Operation {
    Index cut;        ///< Not 0: remove entries from here on.
    Entry put;        ///< index 0: none.
    Index committed;  ///< Stored with it, never past what is durable then.
  };
  struct Write {
    Index first;
    Index last;
    uint64_t end;  ///< Count of operations ever queued up to its last.
  };

  void execute(const Operation& operation);

  std::vector<Entry> entries_;
  std::vector<Entry> durable_;
  Index durable_committed_;
  Index pulled_;  ///< Committed entries that were pulled, up to here.
  std::deque<Operation> queue_;
  size_t draining_ = 0;
  uint64_t executed_ = 0;
  std::deque<Write> writes_;
  std::deque<Index> cuts_;  ///< Those in the queue.
};

}  // namespace ledger::sim
