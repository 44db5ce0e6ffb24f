// Proposals on their way: from arrival to the answer, one id at a time.
#pragma once

#include <absl/container/flat_hash_set.h>

#include <deque>
#include <map>
#include <memory>
#include <vector>

#include "base/entry.h"
#include "base/id.h"
#include "history/history.h"
#include "rpc/ports.h"

namespace ledger::node {

/// Merges what waits into entries, holds back a record whose id is already on its way, answers a
/// repetition early, and answers the rest once they are applied. So a right leader never writes a
/// second record for an id.
///
/// Threads: the loop's.
class Intake {
 public:
  /// `history` must outlive it.
  explicit Intake(const history::History& history) : history_(history) {}

  /// Takes a proposal. It is answered by `apply`, `fail_waiting`, `fail_all` or, when everything in
  /// it was answered before, by `take`; here with `too_large` or `busy`.
  void add(rpc::Proposal proposal, rpc::Reply<rpc::Outcome> reply);

  /// Proposals.
  size_t waiting() const { return waiting_.size(); }
  uint64_t waiting_bytes() const { return waiting_bytes_; }
  bool in_flight() const { return !parts_.empty(); }

  /// What `take` gives entries.
  struct Place {
    Offset next;    ///< Of the first record.
    Time recorded;  ///< Likewise.
    Term term;      ///< Goes into the answers; entries get theirs from the engine.
    uint8_t rules = 1;
  };

  /// Makes entries of what waits, in the order of arrival, until they hold `bytes_max` of payload.
  /// Index and term stay unset. Errors: those of History::find, fatal: whether an id is in the log
  /// can't be told, so nothing of this may be written.
  Result<std::vector<Entry>> take(const Place& place, size_t bytes_max);

  /// A record was applied; the book is as of after it.
  void apply(const Stamp& stamp, const RecordView& record, const book::Verdict& verdict);

  /// An entry was applied whole: answers what waited for ids in it.
  void applied_entry();

  /// Answers everything that has not been made into an entry; nothing of it was written.
  void fail_waiting(const rpc::Failure& failure);

  /// Answers everything. `in_flight` is for what was made into entries and may or may not last.
  void fail_all(const rpc::Failure& waiting, const rpc::Failure& in_flight);

 private:
  /// A proposal that has not been answered in full.
  struct Asked {
    rpc::Proposal proposal;
    rpc::Reply<rpc::Outcome> reply;  ///< Empty once it was called.
    rpc::Outcome outcome;
    uint32_t open = 0;  ///< Records without an answer.
  };
  using AskedPtr = std::shared_ptr<Asked>;

  /// Consecutive records of one proposal that got consecutive offsets.
  struct Part {
    AskedPtr asked;
    Offset first;
    uint32_t position = 0;
    uint32_t count = 0;
  };

  /// A record that waits for the first one with its id.
  struct Held {
    AskedPtr asked;
    uint32_t position = 0;
    Bytes record;  ///< Borrowed from the proposal.
  };

  class EntryMaker;

  /// Decides for each record of a proposal: answered early, held back, or into the entry.
  Result<void> sort_out(const AskedPtr& asked, EntryMaker& maker);
  void answer_repeated(Asked& asked, uint32_t position, Offset first, const RecordView& record);
  void settle(Asked& asked, uint32_t position, const book::Verdict& verdict);
  void finish(Asked& asked);
  void fail(Asked& asked, const rpc::Failure& failure);

  const history::History& history_;
  std::deque<AskedPtr> waiting_;
  uint64_t waiting_bytes_ = 0;
  std::deque<Part> parts_;                ///< In flight, by offset.
  absl::flat_hash_set<Id> ids_;           ///< In flight.
  std::map<Id, std::vector<Held>> held_;  ///< Ordered, so that whoever fails does so in one order.
  std::vector<std::pair<Id, Offset>> released_;  ///< Applied in this entry, and waited for.
};

}  // namespace ledger::node
