// The book over the log: every committed record, decided once, and what was decided.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <string>

#include "base/entry.h"
#include "base/id.h"
#include "base/result.h"
#include "book/book.h"
#include "book/verdict.h"
#include "history/past.h"
#include "history/verdicts.h"
#include "log/log.h"

namespace ledger::history {

/// Applies committed entries in order and remembers every id and verdict.
///
/// Threads: `apply`, `find`, `judge`, `transaction` and `book` from the loop; `decided` and `end`
/// from any.
class History {
 public:
  /// Begins before the first entry. `log` must outlive it.
  /// `hash_key` is for the index of ids: random, and the node's own.
  History(const log::Log& log, const std::array<uint8_t, 16>& hash_key);
  History(const History&) = delete;
  History& operator=(const History&) = delete;

  /// Called for each record that was applied, in order; the book is as of after it.
  using Visit = std::function<void(const Stamp&, const RecordView&, const book::Verdict&)>;

  /// Applies the next entry of any kind. Errors: `corrupt_segment` for an entry that does not
  /// follow, `rules_too_new`, `internal`.
  Result<void> apply(const Entry& entry, const Visit& visit);

  /// The last entry applied; 0 before the first.
  Index applied() const { return applied_index_; }

  /// Exclusive end of the records applied. Any thread.
  Offset end() const { return Offset(end_.load(std::memory_order_acquire)); }

  const book::Book& book() const { return book_; }

  /// Tells which ids `find` will be asked for next, a few dozen at a time, so that they are in
  /// cache.
  void prefetch(std::span<const Id> ids) const;

  /// Offset of the first record with this id, if one was applied. Errors: those of reading a record
  /// whose hash is that of `id`: whether it is this one's is not known then.
  Result<std::optional<Offset>> find(const Id& id) const;

  /// What `apply` would say of `record`, whose id was first used at `first`: a duplicate, or an id
  /// conflict. This answer can never change, so it may be given without the log.
  Result<book::Verdict> judge(Offset first, const RecordView& record) const;

  /// The answer about the record at `offset`, as a repetition hears it: without balances.
  Result<book::Decision> recall(Offset offset, std::string* record_bytes = nullptr) const;

  /// Decided records from `from` up to `end`, which is at most `end()`: at least one, then as many
  /// as fit into `bytes_max`. Any thread. Errors: `out_of_range`, `corrupt_segment`, `io`.
  Result<book::Decided> decided(Offset from, Offset end, size_t bytes_max) const;

 private:
  class Gathering;

  Result<Entry> read_entry(Offset offset) const;
  std::optional<Entry> cut_at(Offset offset) const;
  Result<void> apply_records(const Entry& entry, const Visit& visit);

  const log::Log& log_;
  book::Book book_;
  Verdicts verdicts_;
  mutable Past past_;
  Index readable_end_;  ///< The entry after the one being applied.
  Index applied_index_;
  std::atomic<uint64_t> applied_shared_ = 0;  ///< applied_index_, for other threads.
  std::atomic<uint64_t> end_ = 0;

  /// The last entry of which `decided` gave a part. An entry is up to eight batches of a reader,
  /// who comes back for the next; it would be read and checked whole for each of them.
  mutable std::optional<Entry> cut_;
  mutable std::mutex cut_mutex_;
};

}  // namespace ledger::history
