// A pull: committed entries that a member far behind takes from another, beside consensus.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "base/entry.h"
#include "log/log.h"
#include "raft/engine.h"

namespace ledger::node {

/// What is to be pulled now. The number changes whenever a stream that is under way should end and
/// another begin.
struct Pulling {
  uint64_t number = 0;
  Index from;
  Index end;
  MemberId leader;  ///< Who asked for it; any member may serve it.

  friend bool operator==(const Pulling&, const Pulling&) = default;
};

/// Follows what the engine wants pulled, and puts what comes into the log, one batch at a time.
///
/// Threads: the loop's.
class Pull {
 public:
  using Taken = std::function<void(bool go_on)>;

  /// What the engine wants after a step; `committed` is all that is known committed.
  void follow(const std::optional<raft::Pull>& wanted, Index committed);

  const std::optional<Pulling>& wanted() const { return wanted_; }
  /// Asks for another stream: the one under way has ended early. `committed` as above.
  void again(uint64_t number, Index committed);

  /// A batch has come; it waits until the log has room for it.
  void offer(uint64_t number, std::vector<Entry> entries, Taken taken);

  /// Appends what waits, if the log owes the disk nothing: a cut while an order of the engine waits
  /// for its acknowledgement would make that a lie. Answers up to where entries are committed by
  /// what was pulled. Errors: of Log::append.
  Result<Index> put(log::Log& log);

  /// What to tell the engine, once: all that it wanted is in the log and on disk.
  std::optional<raft::Pulled> finished(const log::Log& log);

  void fail_all();

 private:
  struct Batch {
    std::vector<Entry> entries;
    Taken taken;
  };

  std::optional<raft::Pull> target_;
  std::optional<Pulling> wanted_;
  uint64_t numbers_ = 0;
  std::optional<Batch> batch_;
};

}  // namespace ledger::node
