// Messages on their way out: one bounded queue a member, in order.
#pragma once

#include <deque>
#include <map>
#include <mutex>
#include <vector>

#include "base/result.h"
#include "log/log.h"
#include "raft/engine.h"

namespace ledger::node {

/// Holds what consensus sends until a stream has room for it. An AppendEntries waits as a range and
/// is filled from the log when it leaves, in as many consecutive messages as bound its bytes; so
/// what waits for a slow member costs a few bytes a message, whatever it carries.
///
/// Consensus lives with losses, so what can't be kept is dropped: the newest where a queue is full,
/// a range that the log was cut under, and what a later message says again.
///
/// Threads: `put` and `keep` from one at a time; `take` from any, one caller a member at a time.
class Outbox {
 public:
  /// `log` must outlive it.
  explicit Outbox(const log::Log& log) : log_(log) {}

  void put(raft::Message message);

  /// Forgets what waits for others than these.
  void keep(const std::vector<MemberId>& members);

  /// What goes to `to` next, complete: about `bytes_max` of payload, and one entry more at most.
  /// Errors: of Log::read; what could not be read is dropped.
  Result<std::vector<raft::Message>> take(MemberId to, size_t bytes_max);

  /// Messages that were dropped because a queue was full.
  uint64_t dropped() const;

 private:
  struct Waiting {
    raft::Message message;
    uint64_t cuts = 0;  ///< Of the log, when the message was made.
  };
  using Queue = std::deque<Waiting>;

  bool pop(MemberId to, Waiting& first);
  Result<bool> fill(Waiting& waiting, size_t bytes_max);
  void put_back(Waiting rest);

  const log::Log& log_;
  mutable std::mutex mutex_;
  std::map<MemberId, Queue> queues_;
  uint64_t dropped_ = 0;
};

}  // namespace ledger::node
