// Where decided records come from: a node, or a data directory.
#pragma once

#include <optional>
#include <utility>

#include "base/id.h"
#include "base/result.h"
#include "base/types.h"
#include "book/verdict.h"

namespace ledger::history {

/// A stream of decided records, in offset order, without gaps. One thread.
class Source {
 public:
  virtual ~Source() = default;

  virtual const Id& cluster() const = 0;

  /// Exclusive end of what is decided now; linearizable where the source is a cluster.
  virtual Result<Offset> end() = 0;

  /// The first offset recorded at or after `time`.
  virtual Result<Offset> find(Time time) = 0;

  /// Id and time of the record at `offset`, which is before `end()`.
  virtual Result<std::pair<Id, Time>> identify(Offset offset) = 0;

  /// `next` goes on from `from`; with `follow` it waits at the end for more, else it ends at `to`.
  virtual Result<void> seek(Offset from, Offset to, bool follow) = 0;

  /// The next records, some thousands at the most; nothing at the end. When following and nothing
  /// comes for `patience`, an empty batch, so that the caller can look up.
  virtual Result<std::optional<book::Decided>> next(Duration patience) = 0;
};

}  // namespace ledger::history
