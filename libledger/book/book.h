// The accounting state machine: decides every money question, and nothing else does.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/record.h"
#include "base/result.h"
#include "book/check.h"
#include "book/command.h"
#include "book/verdict.h"

namespace ledger::book {

/// The newest rules version this binary knows.
constexpr uint8_t rules_newest = 1;

/// What the book may ask about the records before the one it applies.
class Past {
 public:
  virtual ~Past() = default;
  /// Offset of the first record with this id, if there was one. Exact.
  virtual std::optional<Offset> find(const Id& id) = 0;
  virtual void insert(const Id& id, Offset offset) = 0;
  /// Tells which ids come next, so that their slots are in cache when `find` is called.
  virtual void prefetch(std::span<const Id> ids) = 0;
  /// The bytes of the record at `offset`, without its size; valid until the next call.
  virtual RecordView record(Offset offset) = 0;
  /// The verdict given at `offset`, which is no duplicate's, with its detail.
  virtual Verdict verdict(Offset offset) = 0;
};

/// 32 bytes that are equal on two nodes exactly when their assets and accounts are: the sum modulo
/// 2^256 of SHA-256 over each row, big-endian.
using Digest = std::array<uint8_t, 32>;

/// What an early answer needs: nothing where `record` is the same as `first` (kind, body, meta; the
/// guards don't count), else the field that differs first, such as `legs[0].amount`.
std::optional<std::string> difference(const RecordView& first, const RecordView& record);

struct AssetRow {
  std::string code;
  uint32_t scale = 0;
  Offset offset;
};

/// An account with its four totals. Balances: posted = sign * (debits - credits); nothing is
/// pending under rules version 1, so available = posted.
struct AccountRow {
  Account account;
  bool closed = false;
  Uint128 debits_posted = 0;
  Uint128 credits_posted = 0;
  Uint128 debits_pending = 0;
  Uint128 credits_pending = 0;
  uint64_t version = 0;
  Offset opened;       ///< Offset of the account's own record.
  Time opened_at;      ///< Of that record.
  Offset last_offset;  ///< Of the last transaction that touched it, else `opened`.

  Int128 posted() const;
  Int128 available() const;
  Int128 incoming() const;
  Int128 outgoing() const;
};

struct BookState;  // state.h

/// Assets, accounts and the position in the log: a pure function of the records applied.
///
/// Threads: one at a time; the loop's in a node.
class Book {
 public:
  Book();
  ~Book();
  Book(Book&&) noexcept;
  Book& operator=(Book&&) noexcept;

  /// Decides one record. `stamp` must follow the last one applied (next offset, later time, known
  /// rules): that is the caller's to check with `follows`, and asserted.
  Verdict apply(const Stamp& stamp, const RecordView& record, Past& past);

  /// Fetches what the next records will need of ids and accounts into the processor's caches. Worth
  /// it for a few dozen records at a time (`prefetch_records`), right before they are applied.
  void prefetch(std::span<const RecordView> records, Past& past) const;
  static constexpr size_t prefetch_records = 32;

  /// Books a known decision without ids, limits or conditions: for projections and checkpoints.
  /// `duplicate` records and refusals move only the position. Errors: `corrupt_segment` where an
  /// accepted record can't have been accepted on this state.
  Result<void> redo(const Stamp& stamp, const RecordView& record, Code code, bool duplicate);

  /// Whether `stamp` may be applied next. Errors: `corrupt_segment`, `rules_too_new`.
  Result<void> follows(const Stamp& stamp) const;

  Offset next_offset() const;
  /// `recorded` of the last record; before the first, the least Time there is.
  Time log_time() const;
  uint8_t rules() const;

  /// Until the next record.
  const AssetRow* asset(std::string_view code) const;
  /// A copy: rows are kept in a smaller form.
  std::optional<AccountRow> account(const Id& id) const;
  std::optional<AccountRow> account(std::string_view name) const;
  /// Sorted by code.
  std::vector<AssetRow> assets() const;
  /// Sorted by name; those whose name begins with the whole parts `prefix`, all where it is empty.
  void each_account(std::string_view prefix,
                    const std::function<void(const AccountRow&)>& visit) const;
  size_t account_count() const;

  /// Rows as a projection or a checkpoint stored them, assets before accounts; the position comes
  /// last. Errors: `invalid_message` for what cannot be (a name twice, a total out of range).
  Result<void> load(const AssetRow& row);
  Result<void> load(const AccountRow& row);
  void load_position(Offset next, Time log_time);

  /// As of `next_offset`. Costs only what changed since the last call.
  Digest digest() const;

  /// Accounts that `apply` or `redo` changed since the last `clear_touched`, each once, in order of
  /// first change. Off until `track_touched`.
  void track_touched();
  std::span<const Id> touched() const;
  void clear_touched();

 private:
  std::unique_ptr<BookState> state_;
};

/// The whole answer about a record: with its verdict the legs and the effective time of an accepted
/// transaction and, unless it repeats another, the balances after it, so `book` must have applied
/// `record` last. `first` is the stamp of the first record with this id: the record's own, unless
/// `verdict` says otherwise (a duplicate, an id_conflict).
Decision decide(const Book& book, const Stamp& first, const RecordView& record,
                const Verdict& verdict);

}  // namespace ledger::book
