// Repair of a damaged log from the logs of peers.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "base/entry.h"
#include "base/result.h"
#include "io/clock.h"
#include "io/disk.h"
#include "log/recast.h"
#include "log/remains.h"

namespace ledger::log {

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
///       //    mend.supply(its answer).
///       // 2. If nobody has more, or need->confirmation: ask the leader to confirm itself, and
///       //    mend.confirm(its answer), again and again.
///     }
///     log = TRY(Log::open(…));
///
/// *What a peer answers* to (from, end, term): its commit index; whether its log holds entry `end`
/// - 1 with this `term` (Match); and its entries from `from` on that are committed, or, if it does
/// hold that one, all up to there; as many as it likes. A peer with a damaged log answers by
/// Remains::match and Remains::read. One with a whole log reads first and then looks at entry
/// `end` - 1: what was cut in between never gets that term again.
///
/// *What is accepted.* Each entry must follow the one before (index, offset, time, term). A hole
/// takes entries of logs that hold its anchor (remains.h); and committed ones of any log, where the
/// anchor is at or below the stored commit index: so the entries are those that were lost. If
/// instead an answer shows that the anchor is not committed but another entry is, or where the end
/// of the log is not known, what lies above the stored commit index is *replaced*: a new segment
/// begins there, with the committed entries up to where Fence says that it is enough. What was
/// there is given up, for it is proven not to be committed, or is among them. As long as neither is
/// possible the node stays as it is, and tells so.
///
/// *On disk.* A segment is written anew as `next.tmp`, synced, read again, renamed over the old one
/// under its number and identity, and the directory is synced; entries from peers get local frames,
/// which testify for W. A replacement gets a number of its own, above all others, and its name only
/// when it is complete. So a crash at any moment leaves a log that is damaged as before, or less,
/// or mended, and never one that opens without entries that it promised. ledger-segment(5).
///
/// Threads: one at a time. Whoever answers peers from another thread gets the pointer that
/// `remains` returned, handed over as the node sees fit; what it points to never changes.
class Mend {
 public:
  /// Surveys the log. `disk` and `random` must outlive it. Errors: as Remains::look.
  static Result<Mend> begin(io::Disk& disk, io::Random& random, uint64_t segment_bytes);

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

  /// What a peer answers to a need.
  struct Answer {
    std::vector<Entry> entries;  ///< From `from` on and without a gap; maybe not all, or none.
    Index committed;             ///< The peer's commit index.
    Match match = Match::unknown;
  };

  /// Takes an answer to the last need.
  ///
  /// Errors: `refused`: it is not what is missing; ask another peer. `no_space`, `io` as `next`.
  Result<void> supply(const Answer& answer);

  /// A leader's answer. If the end of the log is not known, or what was lost can't be had, this is
  /// what ends the wait; it is of no harm at any time. Errors: `refused`: of no use, ask again.
  Result<void> confirm(const Confirmed& confirmed);

  /// What was there at the last look: when this began, after what is committed was mended, and at
  /// the end. An older one stays of use; what was mended since may be missing in it.
  std::shared_ptr<const Remains> remains() const { return remains_; }

  /// Entries that were fetched and stand in their place: worth a log line and a counter.
  uint64_t mended() const { return mended_; }
  /// Where committed entries replaced what was lost; 0: nowhere.
  Index replaced_from() const { return replaced_from_; }

 private:
  static constexpr size_t replacement = SIZE_MAX;

  /// A segment that is being written.
  struct Job {
    size_t part;  ///< Of `remains_`, or `replacement`.
    Recast recast;
    Index next;                ///< The entry that comes next.
    std::optional<Hole> hole;  ///< `next` is in it.
    uint64_t fetched = 0;
  };

  Mend(io::Disk& disk, io::Random& random, uint64_t segment_bytes, Remains remains);

  Result<void> plan();
  Result<void> begin_job(size_t part);
  Result<SegmentHeader> header_at(Index first) const;
  Index replacement_base() const;
  Result<void> copy_own();
  bool damaged(size_t part) const;
  Index end_of(const Job& job) const;
  Result<void> finish_job();
  Result<void> add(const Entry& entry);
  Result<void> supply_hole(const Entry& entry, const Answer& answer);
  Result<void> supply_replacement(const Entry& entry, const Answer& answer);
  Result<bool> closes() const;
  tl::unexpected<Error> misfit(const Entry& entry);

  io::Disk* disk_;
  io::Random* random_;
  uint64_t segment_bytes_;
  std::shared_ptr<const Remains> remains_;
  Fence fence_;
  bool stale_ = false;      ///< A segment was mended since `remains_` was looked at.
  bool replacing_ = false;  ///< What is not committed is given up where it is damaged.
  bool finished_ = false;
  size_t top_ = 0;  ///< The first part that may hold uncommitted entries.
  std::deque<size_t> todo_;
  std::optional<Job> job_;
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
