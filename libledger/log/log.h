// The replicated log on disk: its write side, its recovery and its readers.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/entry.h"
#include "base/id.h"
#include "base/result.h"
#include "io/clock.h"
#include "io/disk.h"
#include "log/damage.h"
#include "log/format.h"

namespace ledger::log {

struct Options {
  /// At least segment_bytes_min; less is for tests. An entry that fits into no segment gets a
  /// larger one.
  uint64_t segment_bytes = 64 << 20;
  /// So much of the newest entries stays in memory for readers; whatever waits for the disk stays
  /// anyhow.
  size_t cache_bytes = 8 << 20;
};
constexpr uint64_t segment_bytes_min = 2 << 20;

/// What `open` found and consensus must be told.
struct Recovered {
  Vote vote;
  Watermark synced;
  Index committed;               ///< As stored: at least this much was committed.
  std::optional<TornTail> torn;  ///< Was cut; worth one log line.
  /// The consensus checkpoint: end of the predecessor of the newest segment whose first index - 1
  /// is at or below `committed`; 0 where that is the first segment.
  Index checkpoint;
  Term checkpoint_term;
  std::string configuration;  ///< Encoded, in force at the checkpoint; empty at 0.
  Index configuration_index;
  std::vector<Entry> entries;  ///< All after the checkpoint; payloads of membership only.
};

/// What a drain of the write queue made durable.
struct Synced {
  Index index;  ///< Tell the engine; 0: no entry was written, or a later queued write overrides it.
  Term term;
  Duration took = {};  ///< Zero here; the thread that drains measures and fills it.
};

/// The log of one node in the directory that is `disk`'s root: `segments/`, `vote.a`, `vote.b`.
/// Formats and recovery rules: ledger-segment(5).
///
/// The loop queues writes; somebody else (the disk thread, or the simulator) drains the queue: one
/// write and one sync for all that waits. Nothing here owns a thread or a clock.
///
/// Threads: `append`, `save_vote`, `set_committed`, `save_idle` and the getters from the loop;
/// `drain` from any thread, one drain at a time (a second caller waits); `read`s from any thread.
class Log {
 public:
  virtual ~Log() = default;

  /// Founds a log in an empty directory, durably: vote copies, the first segment and `founding`, a
  /// membership entry with index 1, term 1, offset 0. Errors: `output_exists` where there is a log;
  /// `no_space`, `io`.
  static Result<void> create(io::Disk& disk, io::Random& random, const Id& cluster,
                             const Options& options, const Entry& founding);

  /// Like `create` without a founding entry: for a node that joins and is sent everything.
  static Result<void> create_empty(io::Disk& disk, io::Random& random, const Id& cluster,
                                   const Options& options);

  /// True where `disk` holds a log, or what is left of one. What a crash in the middle of `create`
  /// leaves is none: `create` may be called again. Errors: `format_too_new`, `io`.
  static Result<bool> exists(io::Disk& disk);

  /// Recovers a log: tells a torn tail (cut, reported) from damage, writes again in place what may
  /// live in the page cache only, and is ready to append. `disk` and `random` must outlive it.
  ///
  /// Errors: `corrupt_segment`, `offset_gap` (damage: nothing was changed), `format_too_new`,
  /// `cluster_id_mismatch`, `no_such_file`, `no_space`, `io`.
  static Result<std::unique_ptr<Log>> open(io::Disk& disk, io::Random& random, const Id& cluster,
                                           const Options& options);

  /// What open found; does not change, but for `forget_entries`. For the loop.
  virtual const Recovered& recovered() const = 0;
  /// Frees `recovered().entries`, once consensus has them: there may be hundreds of thousands.
  virtual void forget_entries() = 0;

  // ---- The write side, for the loop. ----

  /// The last entry queued or written, whether synced or not.
  virtual Index last_index() const = 0;
  virtual Term last_term() const = 0;
  /// The offset the next record gets.
  virtual Offset next_offset() const = 0;
  /// The time of the last record, which the next must exceed.
  virtual Time last_recorded() const = 0;
  /// The last index known to be on our disk; falls when a cut is queued.
  virtual Index synced_index() const = 0;
  /// The term of an entry at or after the checkpoint; 0 for others.
  virtual Term term(Index index) const = 0;
  /// How often entries were cut off. What was read in between two equal answers belongs together.
  /// Any thread.
  virtual uint64_t cuts() const = 0;

  /// Whether `payload_bytes` more can be taken: false while the disk has no room for the next
  /// segment and this one can't hold them. Errors: those of `no_space`.
  virtual Result<void> has_room(uint64_t payload_bytes) const = 0;

  /// As `has_room`; and the next `append` of no more than that is taken, also when the disk turns
  /// out full in between: what found no room then waits for it. Who asked and was told yes must not
  /// be refused after consensus has taken the entries.
  virtual Result<void> reserve(uint64_t payload_bytes) = 0;

  /// Why the next segment can't be prepared, with what is free and what is needed. While there is
  /// a reason, call `drain` about once a second: it tries again.
  virtual std::optional<Error> no_space() const = 0;

  /// Entries are queued that found no room after all. They are written by a later drain; votes do
  /// not wait behind them.
  virtual bool waits_for_room() const = 0;

  /// Queues consecutive entries. Where the first is at or below `last_index()`, entries equal in
  /// term to ours are skipped and the log is cut at the first that differs: the next segment begins
  /// there. What follows equal entries is kept.
  /// Errors: `no_space` (nothing was queued), unless reserved or without records; `internal` for a
  /// cut at or below `set_committed`, a gap, an offset or a time that does not follow, a payload
  /// that is not `record_count` records; `io` after a drain failed.
  virtual Result<void> append(std::span<const Entry> entries) = 0;

  /// Queues both copies of a new term or vote. Nobody may hear of it before a drain has ended.
  virtual void save_vote(const Vote& vote) = 0;

  /// Entries up to `index` are committed; stored with whatever is written next, never past what is
  /// durable here.
  virtual void set_committed(Index index) = 0;

  /// Queues the older vote copy with `synced` and `committed`, where they moved since the last
  /// save. For an idle log and a clean stop.
  virtual void save_idle() = 0;

  // ---- The disk's side. ----

  /// Writes and syncs all that is queued. Prepares a piece of the next segment, where there is
  /// nothing to write or preparation has fallen behind. Errors: `io`, fatal: stop the process,
  /// nothing is retried, every later call fails.
  virtual Result<Synced> drain() = 0;

  /// Whether `drain` has writes to do, or a segment to prepare.
  virtual bool has_writes() const = 0;
  virtual bool has_preparation() const = 0;

  // ---- Readers. Every byte read is checked. ----

  /// Entries from index `from` up to, not including, `end`: at least one where there is one, then
  /// as many as fit into `bytes_max` of payload. Queued ones are served from memory. Nothing where
  /// `from` is the next entry to come or `end` is not above it. At damage what is whole before it.
  /// Errors: `out_of_range`, `corrupt_segment`, `io`.
  virtual Result<std::vector<Entry>> read(Index from, Index end, size_t bytes_max) const = 0;

  /// Like `read`, from the entry that holds record `from`; entries without records are left out.
  /// `end` bounds by index. Nothing where no record at or after `from` is below it.
  virtual Result<std::vector<Entry>> read_at(Offset from, Index end, size_t bytes_max) const = 0;

  /// The first offset recorded at or after `time`, or `next_offset()` as of `end`.
  virtual Result<Offset> find(Time time, Index end) const = 0;

  /// Number of live segments and their bytes on disk.
  virtual std::pair<uint64_t, uint64_t> size() const = 0;
};

}  // namespace ledger::log
