// Decided records from a data directory, without a node.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "base/bytes.h"
#include "book/book.h"
#include "history/past.h"
#include "history/source.h"
#include "history/verdicts.h"
#include "io/disk.h"
#include "log/scan.h"

namespace ledger::history {

/// Whether an encoded configuration has one voter only. The rooms that know configurations say it.
using SoleVoter = std::function<bool(Bytes configuration)>;

/// Reads the log offline and decides it from the first record on. Ends at the stored commit index;
/// a single voter's log at its last whole entry. Works on a read-only copy, and on the directory of
/// a running node, where it ends at what was whole when it was opened.
///
/// Damage is an error when it is reached: everything before it comes.
///
/// Threads: one at a time.
class DirectorySource : public Source {
 public:
  /// `disk` must outlive it. Errors: as log::Scan::open.
  static Result<std::unique_ptr<DirectorySource>> open(io::Disk& disk, SoleVoter alone);

  const Id& cluster() const override { return cluster_; }
  Result<Offset> end() override { return end_; }
  Result<Offset> find(Time time) override;
  Result<std::pair<Id, Time>> identify(Offset offset) override;
  /// Going back begins again with the first record. `follow` changes nothing: nobody writes.
  Result<void> seek(Offset from, Offset to, bool follow) override;
  Result<std::optional<book::Decided>> next(Duration patience) override;

 private:
  /// The log decided so far.
  struct Fold {
    Fold(log::Scan from_start, ReadEntry read);
    log::Scan scan;
    Verdicts verdicts;
    Past past;
    book::Book book;
  };

  DirectorySource(io::Disk& disk, bool everything, log::Scan lookup);

  Result<void> begin();
  Result<Entry> read_entry(Offset offset);
  Result<void> decide_some(book::Decided& decided);

  io::Disk& disk_;
  const bool everything_;
  log::Scan lookup_;  ///< For single records, wherever they are.
  Id cluster_;
  Offset end_;
  std::unique_ptr<Fold> fold_;
  std::optional<Entry> entry_;  ///< Being decided.
  Cursor rest_{Bytes()};        ///< Of its records.
  Offset from_;
  Offset to_;
};

}  // namespace ledger::history
