// Segments that readers have open, with their points: a few, the latest used.
#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <optional>

#include "base/result.h"
#include "io/disk.h"
#include "log/index.h"

namespace ledger::log {

/// Threads: any. `disk` must outlive it.
class OpenSegments {
 public:
  explicit OpenSegments(io::Disk& disk) : disk_(disk) {}

  struct Segment {
    std::unique_ptr<io::File> file;
    Points points;  ///< Of a sealed one; the log itself knows those of the active one.
  };

  /// The segment with this header; `last` is the state after its living entries, absent for the
  /// active one. Errors: as `Disk::open`.
  Result<std::shared_ptr<const Segment>> get(const SegmentHeader& header,
                                             const std::optional<Tip>& last);

 private:
  struct Held {
    uint64_t identity;
    Index last;  ///< 0: it was the active one.
    std::shared_ptr<const Segment> segment;
  };
  std::shared_ptr<const Segment> find(uint64_t identity, Index last);

  io::Disk& disk_;
  std::mutex mutex_;
  std::list<Held> held_;  ///< The latest used first.
};

}  // namespace ledger::log
