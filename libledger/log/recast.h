// A segment that is written anew, whole, before it gets its name.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "io/disk.h"
#include "log/chain.h"
#include "log/format.h"
#include "log/segment.h"

namespace ledger::log {

/// The header of a segment that follows on entry `last` of `link`, all before which is whole; but
/// for number, identity and file size. Errors: `internal` if `last` is not there; `io`.
Result<SegmentHeader> header_after(io::Disk& disk, const Link& link, Index last);

/// Writes one segment as `next.tmp`, entry by entry, and puts it in place under its number. A crash
/// before that leaves `next.tmp`, which counts for nothing; a crash after it, the whole segment.
///
/// Every method: `no_space`: it is of no further use and has left nothing behind; `io`: fatal.
///
/// Threads: one at a time. `disk` must outlive it.
class Recast {
 public:
  /// `header` but for its file size: that will be `file_bytes`, or more if the entries need it.
  static Result<Recast> begin(io::Disk& disk, SegmentHeader header, uint64_t file_bytes);

  /// Adds the next entry, whose `committed` and `synced` are set; the rest of the frame is ours.
  /// The caller has made sure that it follows `tip`.
  Result<void> add(Frame frame, Bytes payload);

  /// Fills the rest with zeros, writes the header, syncs, reads all of it again, and renames it.
  Result<void> finish();

  const SegmentHeader& header() const { return header_; }
  const Tip& tip() const { return tip_; }
  /// Where the next entry goes.
  uint64_t end() const { return end_; }

 private:
  Recast(io::Disk& disk, SegmentHeader header);
  Result<void> check(Result<void> done, const char* what);
  Result<void> flush();
  Result<void> read_again() const;

  io::Disk* disk_;
  SegmentHeader header_;
  std::unique_ptr<io::File> file_;
  std::string buffer_;      ///< Not yet written,
  uint64_t buffer_at_ = 0;  ///< from there on.
  uint64_t end_ = 0;
  Tip tip_;
};

}  // namespace ledger::log
