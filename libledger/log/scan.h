// Reading a log that nobody has open, or that somebody else has: entry by entry, with care.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "io/disk.h"
#include "log/survey.h"

namespace ledger::log {

/// Iterates over the whole entries of a log in their order, up to the first damage. Reads only;
/// works on read-only media and on the directory of a running node, where it ends at what was
/// whole when it was opened.
///
///     Scan scan = TRY(Scan::open(disk));
///     while (std::optional<Scan::Item> item = TRY(scan.next())) …
///
/// It ends at the stored commit index, for what lies behind may yet be replaced; `read_all` takes
/// the rest too, which is right for a single voter.
///
/// Threads: one at a time. `disk` must outlive it.
class Scan {
 public:
  struct Item {
    Entry entry;
    std::string path;
    uint64_t position = 0;
    bool uncommitted = false;  ///< Behind the stored commit index.
  };

  /// The log in the directory that is the disk's root. Damage is no error here: what is whole
  /// before it can be read. Errors: `no_such_file`, `format_too_new`, `cluster_id_mismatch`, `io`.
  static Result<Scan> open(io::Disk& disk);

  /// A single segment file, whatever its name. Only its own entries testify, and all of them are
  /// read.
  static Result<Scan> open_file(io::Disk& disk, const std::string& path);

  void read_all() { all_ = true; }

  /// Goes to the segment that holds record `offset`, back too; what is before it there still comes.
  void seek(Offset offset);

  /// The next entry; nothing at the end. At damage the error, after every whole entry before it:
  /// `corrupt_segment`, `offset_gap`, `io`.
  Result<std::optional<Item>> next();

  /// Where the log stands after the last entry that came, and where the next one would be.
  const Tip& tip() const { return tip_; }
  uint64_t position() const { return position_; }
  /// The segment of the last entry that came; its header is there.
  const Link& link() const { return survey_.chain.links[link_]; }

  const Survey& survey() const { return survey_; }
  Index committed() const { return survey_.committed; }
  /// The encoded configuration in force at the end of the log; empty where that is not known.
  const std::string& configuration() const { return configuration_; }
  /// The offset after the last whole record, committed or not.
  Offset next_offset() const;

 private:
  explicit Scan(io::Disk& disk) : disk_(&disk) {}
  Result<void> limit_untrusted();
  Result<void> enter(size_t link);
  Index last_readable() const;
  Result<Item> read();
  Result<std::optional<Item>> finish() const;
  Error damaged(const BadFrame& bad) const;
  Error unreadable(size_t link) const;

  io::Disk* disk_;
  Survey survey_;
  std::string configuration_;
  bool all_ = false;
  Index trusted_until_;  ///< What lies below a lost segment is believed up to here.

  size_t link_ = 0;
  std::unique_ptr<io::File> file_;
  std::unique_ptr<SegmentReader> reader_;
  uint64_t position_ = 0;
  Tip tip_;
};

}  // namespace ledger::log
