// The book's questions about earlier records, answered from an index of ids and the log.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "base/entry.h"
#include "base/record.h"
#include "base/result.h"
#include "book/book.h"
#include "history/id_index.h"
#include "history/verdicts.h"

namespace ledger::history {

/// A record of the log, together with the entry that keeps its bytes.
struct FoundRecord {
  Entry entry;
  Stamp stamp;
  RecordView record;
};

/// Reads the entry that holds the record at an offset.
using ReadEntry = std::function<Result<Entry>(Offset)>;

/// The record at `offset`, by `read`. Errors: those of `read`; `corrupt_segment`, `out_of_range`.
Result<FoundRecord> find_record(const ReadEntry& read, Offset offset);

/// Ids and verdicts in memory, records from the log.
///
/// Threads: one at a time.
class Past : public book::Past {
 public:
  /// `verdicts` must outlive it. `key` is for the hash of ids.
  Past(ReadEntry read, const Verdicts& verdicts, const std::array<uint8_t, 16>& key)
      : read_(std::move(read)), verdicts_(verdicts), ids_(key) {}

  std::optional<Offset> find(const Id& id) override;
  void insert(const Id& id, Offset offset) override { ids_.insert(ids_.hash(id), offset); }
  void prefetch(std::span<const Id> ids) override;
  RecordView record(Offset offset) override;
  book::Verdict verdict(Offset offset) override { return verdicts_.at(offset); }

  /// Why a record that was applied could not be read since the last call, if that happened: then
  /// the answer that was given in its place is worth nothing, and the caller must stop.
  std::optional<Error> take_error() { return std::exchange(error_, std::nullopt); }

 private:
  std::optional<Id> id_at(Offset offset);

  const ReadEntry read_;
  const Verdicts& verdicts_;
  IdIndex ids_;
  FoundRecord kept_;  ///< Keeps the bytes of the last record given out.
  std::optional<Error> error_;
};

}  // namespace ledger::history
