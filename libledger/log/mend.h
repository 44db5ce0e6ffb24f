// Repair of a damaged log from the logs of peers.
#pragma once

#include <memory>
#include <optional>
#include <span>

#include "base/entry.h"
#include "base/result.h"
#include "io/clock.h"
#include "io/disk.h"
#include "log/remains.h"

namespace ledger::log {

class Recast;

/// Mends a log with entries that the caller fetches, before consensus starts: until `next` says
/// that nothing is missing, the node neither votes nor acknowledges, and Log::open refuses the log.
///
///     Result<std::unique_ptr<Log>> log = Log::open(…);   // corrupt_segment, offset_gap or io,
///     // or TRY(mend_requested(disk)): something was found damaged while the node ran
///     Mend mend = TRY(Mend::begin(disk, random, segment_bytes));
///     // From now on peers are answered from mend.remains(), so that two damaged logs repair each
///     // other; mend.remains()->configuration() says who they are. Alone: tell its first damage.
///     while (std::optional<Mend::Need> need = TRY(mend.next())) {
///       // 1. Ask any peer for need->from … need->end with need->term (below), and
///       //    mend.supply(its entries, its commit index).
///       // 2. If nobody has more, or need->confirmation: ask the leader to confirm itself, and
///       //    mend.confirm(its answer), again and again.
///     }
///     log = TRY(Log::open(…));
///
/// *What a peer answers* to (from, end, term): its entries from `from` on that are committed, and
/// if its log holds entry `end` - 1 with exactly this `term`, the uncommitted ones up to there as
/// well; and its commit index. A peer with a damaged log answers by Remains::read. One with a whole
/// log reads, and then makes sure that entry `end` - 1 is of that term: what is cut in between
/// never gets that term again.
///
/// *What is accepted.* Each entry must follow the one before (index, offset, time, term). A hole is
/// closed only when the anchor (remains.h) is among what was supplied, or follows on it: so the
/// entries are those that were lost. Otherwise, and where the end of the log is not known, what
/// lies above the stored commit index is *replaced*: a new segment begins there that holds the
/// committed entries up to where Fence says that it is enough. What was there is given up, for it
/// is proven not to be committed, or is among them. As long as neither is possible the node stays
/// as it is, and tells so.
///
/// *On disk.* A segment is written anew as `next.tmp`, synced, read again, renamed over the old one
/// under its number and identity, and the directory is synced; entries from peers get local frames,
/// which testify for W. A replacement gets a number of its own, above all others, and its name only
/// when it is complete. So a crash at any moment leaves a log that is damaged as before, or less,
/// or mended, and never one that opens without entries that it promised. ledger-segment(5).
///
/// Threads: one at a time; `remains` from any.
class Mend {
 public:
  /// Surveys the log. `disk` and `random` must outlive it. Errors: as Remains::look.
  static Result<Mend> begin(io::Disk& disk, io::Random& random, uint64_t segment_bytes);
  Mend(Mend&&) noexcept;
  ~Mend();

  /// What is missing next.
  struct Need {
    Index from;
    Index end;  ///< Not included. At `from`: nothing can be used before a leader confirms itself.
    Term term;  ///< Of entry `end` - 1 in our log. 0: only committed entries can be used.
    bool confirmation = false;  ///< A leader must confirm itself, before or besides.
  };

  /// Does what can be done with what is there, and says what is missing next. Nothing: the log is
  /// mended, durably.
  ///
  /// Errors: `no_space`: try again when there is room, nothing is lost; `io`: fatal; others: the
  /// log was damaged further, begin again.
  Result<std::optional<Need>> next();

  /// Takes entries that a peer sent for the last need, from `from` on and without a gap; it may be
  /// a part of them. `committed`: the commit index that the peer told with them.
  ///
  /// Errors: `refused`: they are not what is missing; ask another peer. `no_space`, `io` as `next`.
  Result<void> supply(std::span<const Entry> entries, Index committed);

  /// A leader's answer. If the end of the log is not known, or what was lost can't be had, this is
  /// what ends the wait; it is of no harm at any time. Errors: `refused`: of no use, ask again.
  Result<void> confirm(const Confirmed& confirmed);

  /// What is there now. Another one after each segment that was mended; the old ones stay valid
  /// but may miss entries.
  std::shared_ptr<const Remains> remains() const { return remains_; }

  /// Entries that were fetched and stand in their place.
  uint64_t mended() const { return mended_; }
  /// Where committed entries replaced what was lost; 0: nowhere.
  Index replaced_from() const { return replaced_from_; }

 private:
  Mend(io::Disk& disk, io::Random& random, uint64_t segment_bytes, Remains remains);

  io::Disk* disk_;
  io::Random* random_;
  uint64_t segment_bytes_;
  std::shared_ptr<const Remains> remains_;
  Fence fence_;
  uint64_t mended_ = 0;
  Index replaced_from_;
};

/// Damage was found while the node ran: it leaves this mark and stops, and mends at its next start.
/// The mark is a file, `DATA/damaged`, that holds the reason; Mend removes it when it is done.
/// Errors: as io::write_file_durably.
Result<void> request_mend(io::Disk& disk, const Error& reason);

/// Whether the mark is there. Errors: `io`.
Result<bool> mend_requested(io::Disk& disk);

}  // namespace ledger::log
