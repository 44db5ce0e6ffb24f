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

  /// Books a known decision without ids, limits or conditions: for projections and checkpoints.
  /// `duplicate` records and refusals move only the position. Errors: `corrupt_segment` where an
  /// accepted record can't have been accepted on this state.
  Result<void> redo(const Stamp& stamp, const RecordView& record, Code code, bool duplicate);

  /// Whether `stamp` may be applied next. Errors: `corrupt_segment`, `rules_too_new`.
  Result<void> follows(const Stamp& stamp) const;

  /// What an early answer needs: whether `record` is the same as `first` (kind, body, meta), and
  /// else the field that differs first.
  static std::optional<std::string> difference(const RecordView& first, const RecordView& record);

  Offset next_offset() const;
  Time log_time() const;
  uint8_t rules() const;

  const AssetRow* asset(std::string_view code) const;
  const AccountRow* account(const Id& id) const;
  const AccountRow* account(std::string_view name) const;
  /// Sorted by code.
  std::vector<AssetRow> assets() const;
  /// Sorted by name; those whose name begins with the whole parts `prefix`.
  void each_account(std::string_view prefix,
                    const std::function<void(const AccountRow&)>& visit) const;
  size_t account_count() const;

  /// Rows as a projection or a checkpoint stored them, in any order; the position comes last.
  /// Errors: `invalid_message` for what cannot be (a name twice, a total out of range).
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
  struct State;
  std::unique_ptr<State> state_;
};

/// A request that can't enter the log: the name of the rule (`invalid_amount` …) as a Code, and a
/// sentence.
struct RequestError {
  ledger::Code code = ledger::Code::invalid_message;
  std::string message;
};

/// Checks a record against all rules that need no state, in the order of their list: before the
/// log by rpc, and in `apply`.
std::optional<RequestError> check(const RecordView& record, uint8_t rules);

/// Legs, effective time and balances for the answer about a record that was just applied.
Decision decide(const Book& book, const Stamp& stamp, const RecordView& record,
                const Verdict& verdict);

}  // namespace ledger::book
