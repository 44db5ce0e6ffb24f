// The book over the log: every committed record, decided once, and what was decided.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string>

#include "base/entry.h"
#include "base/id.h"
#include "base/result.h"
#include "book/book.h"
#include "book/verdict.h"
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
  explicit History(const log::Log& log);
  ~History();
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

  /// Offset of the first record with this id, if one was applied.
  std::optional<Offset> find(const Id& id) const;

  /// What `apply` would say of `record`, whose id was first used at `first`: a duplicate, or an id
  /// conflict. This answer can never change, so it may be given without the log.
  Result<book::Verdict> judge(Offset first, const RecordView& record) const;

  /// The answer about the record at `offset`, as a repetition hears it: without balances.
  Result<book::Decision> recall(Offset offset, std::string* record_bytes = nullptr) const;

  /// Decided records from `from` up to `end`, which is at most `end()`: at least one, then as many
  /// as fit into `bytes_max`. Any thread. Errors: `out_of_range`, `corrupt_segment`, `io`.
  Result<book::Decided> decided(Offset from, Offset end, size_t bytes_max) const;

 private:
  class LogPast;

  const log::Log& log_;
  book::Book book_;
  std::unique_ptr<LogPast> past_;
  Verdicts verdicts_;
  Index applied_index_;
  std::atomic<uint64_t> applied_shared_ = 0;  ///< applied_index_, for other threads.
  std::atomic<uint64_t> end_ = 0;
};

}  // namespace ledger::history
