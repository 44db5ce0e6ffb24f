// The disk's side of the log: carries out queued writes in their order, and prepares segments.
#pragma once

#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "base/result.h"
#include "io/disk.h"
#include "log/index.h"
#include "log/vote_file.h"

namespace ledger::log {

/// Place an entry in the active segment.
struct EntryWrite {
  Entry entry;
  uint32_t content_crc = 0;
  uint64_t position = 0;
};

/// Begin the next segment: the old one is full, or the log is cut before `header.first_index`, or
/// the old one ends torn.
struct BeginWrite {
  SegmentHeader header;
  std::vector<uint64_t> dead;          ///< Segments without a living entry from now on.
  std::optional<SegmentIndex> sealed;  ///< For the .idx file of the segment that ends here.
  std::optional<EntryWrite> founding;  ///< Is in the segment before that has its name.
};

/// Make a term and a vote durable, in both copies.
struct VoteWrite {
  Vote vote;
};

/// Save `synced` and `committed`, if they moved.
struct MarksWrite {};

using Write = std::variant<EntryWrite, BeginWrite, VoteWrite, MarksWrite>;

/// After an error it must be dropped: nothing is retried, nothing that it wrote is believed.
///
/// Threads: one at a time. `disk` must outlive it.
class Writer {
 public:
  /// Goes on in segment `active`, which is durable up to `durable`. Where there is none, the first
  /// write begins one.
  Writer(io::Disk& disk, VoteFile votes, std::unique_ptr<io::File> active, uint64_t identity,
         const Watermark& durable, uint64_t segment_bytes);

  /// Does `writes` in their order, one sync for each run of entries, and removes them. What is left
  /// waits for room on the disk, which a segment that shall begin does not have; votes are written
  /// all the same. Entries up to `committed_after` are committed, in the log as it will be after
  /// `writes`. Errors: `io`, fatal.
  Result<void> execute(std::vector<Write>& writes, Index committed_after);

  /// Zero-fills up to `bytes` more of the next segment. Errors: `no_space`, after which it may be
  /// tried again; `io`, fatal.
  Result<void> prepare(uint64_t bytes);
  /// Whether the next segment is whole. What is missing is filled when it begins.
  bool prepared() const { return next_bytes_ >= segment_bytes_; }

  /// Why the next segment could not be prepared when it was last tried.
  const std::optional<Error>& no_space() const { return no_space_; }
  /// Whether a segment that shall begin waits for that.
  bool blocked() const { return blocked_; }

  /// The last entry that is durable, and where.
  const Watermark& durable() const { return durable_; }
  const VoteFile& votes() const { return votes_; }
  /// Bytes of entries written so far.
  uint64_t written_bytes() const { return written_bytes_; }

 private:
  Result<void> write_header(const BeginWrite& begin);
  Result<void> add(const EntryWrite& write, Index committed);
  Result<void> flush();
  Result<void> finish_run();
  Result<void> begin(const BeginWrite& begin, Index committed);
  Result<void> save_marks(Index committed);
  Result<void> fill_next(uint64_t end);
  Result<void> sync(io::File& file);
  Result<void> save_votes_behind(std::vector<Write>& writes, size_t blocked, Index committed);
  Index safe(Index committed) const { return std::min(committed, durable_.index); }

  io::Disk& disk_;
  VoteFile votes_;
  std::unique_ptr<io::File> active_;
  uint64_t identity_;
  Watermark durable_;
  const uint64_t segment_bytes_;
  std::unique_ptr<io::File> next_;  ///< `next.tmp`.
  uint64_t next_bytes_ = 0;         ///< Zero-filled and synced so far.
  std::optional<Error> no_space_;
  bool blocked_ = false;

  // The run of entries that is being gathered and written.
  std::string buffer_;
  uint64_t buffer_at_ = 0;  ///< Where the buffer's first byte goes.
  Watermark run_end_;       ///< What will be durable when the run is.
  bool dirty_ = false;      ///< Something of the run is written, and not synced.
  uint64_t written_bytes_ = 0;
};

/// Fills a file with zeros. Errors: `no_space`, `io`.
Result<void> write_zeros(io::File& file, uint64_t from, uint64_t end);

}  // namespace ledger::log
