// Offline repair: cuts a torn tail, or what somebody decided to give up.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "io/clock.h"
#include "io/disk.h"
#include "log/segment.h"

namespace ledger::log {

/// What a repair would do. Nothing where `steps` is empty.
struct RepairPlan {
  std::vector<std::string> steps;  ///< In words, one a line.
  std::string path;                ///< The segment that is cut; empty where only votes are written.
  uint64_t position = 0;           ///< From there on.
  Offset next_offset;              ///< Of the next record afterwards.
  uint64_t records = 0;            ///< Whole records that are given up.
  uint64_t committed = 0;          ///< Of them, those that are known to be committed.
  uint64_t bytes = 0;              ///< That are cut from `path`.

  // What `repair` goes by.
  bool torn = false;                       ///< Only what a crash left is cut.
  Tip last;                                ///< The last entry that stays.
  std::vector<std::string> given_up = {};  ///< Segments that no longer count.
};

/// Finds out what there is to repair. Without `truncate_at` only a torn tail is; with it, the entry
/// that holds this record and all after it goes. Reads only.
///
/// Errors: `corrupt_segment`, `offset_gap` where there is damage, or damage before `truncate_at`;
/// `out_of_range` for one past the end; as Scan::open.
Result<RepairPlan> plan_repair(io::Disk& disk, std::optional<Offset> truncate_at);

/// Does it. A new segment begins at the cut, then both vote copies are written, so that nothing
/// claims any more what was given up. What is cut is kept beside its segment as NAME.cut-OFFSET. A
/// crash in between leaves a log that is repaired by the same command. The caller holds the
/// directory's lock. Errors: `no_space`, `io`.
Result<void> repair(io::Disk& disk, io::Random& random, const RepairPlan& plan);

}  // namespace ledger::log
