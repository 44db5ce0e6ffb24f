// What decided records are as rows.
#pragma once

#include <memory>
#include <memory_resource>
#include <optional>
#include <set>
#include <string>

#include "book/book.h"
#include "book/command.h"
#include "sql/schema.h"
#include "sql/target.h"
#include "sql/walk.h"

namespace ledger::sql {

/// What one database transaction writes: the rows of records [from, to.next_offset), and the
/// watermark after them. Texts are the projection's.
struct Batch {
  Offset from;
  Watermark to;
  std::array<Rows, table_count> rows;

  Rows& of(TableName name) { return rows[static_cast<size_t>(name)]; }
  const Rows& of(TableName name) const { return rows[static_cast<size_t>(name)]; }
  uint64_t count() const { return to.next_offset - from; }
};

/// Turns records into rows, a batch at a time. It holds a Book without ids, in memory about 200
/// bytes an account, and the rows of one batch.
///
/// Which rows a record makes:
///
///     asset accepted, and new    assets
///     account accepted           accounts, balances
///     transact accepted          transactions, transfers one a leg, balances
///     raw, where they are kept   records
///     anything refused           rejections
///     duplicates                 none
class Projection {
 public:
  /// Goes on from `at` with the state that belongs to it. Records before `at.first_offset` make
  /// the rows of assets, accounts and balances only.
  Projection(book::Book book, const Watermark& at);

  /// Adds one record. After an error nothing of it is in the batch. Errors: `amount_too_large`
  /// where integer amounts end; and what Book::redo says, after which nothing can follow.
  Result<void> add(const Step& step);

  uint64_t count() const { return batch_.count(); }
  /// So many bytes that it should be written, whatever the number of records.
  bool full() const;

  /// The batch so far, with balances, digest and watermark. Valid until `begin_next`.
  const Batch& finish();
  /// The batch is in the database: forget it and go on after it.
  void begin_next();

  const book::Book& book() const { return book_; }
  Offset next_offset() const { return book_.next_offset(); }

 private:
  Result<void> check_amounts(const Step& step);
  Result<void> check_totals(const Step& step) const;
  void add_rejection(const Step& step);
  void add_asset(const Step& step);
  void add_account(const Step& step);
  void add_transaction(const Step& step);
  void add_record(const Step& step);
  void put(TableName table, std::initializer_list<Value> row);
  /// A copy that lives as long as the batch.
  std::string_view keep(std::string_view text);
  Value meta(const RecordView& record);
  std::string_view asset_of(const Id& account);

  book::Book book_;
  Batch batch_;
  std::unique_ptr<std::pmr::monotonic_buffer_resource> texts_;
  size_t text_bytes_ = 0;
  std::vector<Id> opened_;  ///< Accounts new in this batch: they have balances, of zero.
  std::set<std::string, std::less<>> assets_;  ///< Codes, at addresses that stay.
  book::Transact transact_;  ///< Of the record being added, where it is an accepted one.
  Uint128 total_bound_ = 0;  ///< No total of an account is above it.
};

/// The row of `balances` of an account.
std::array<Value, 9> balance_row(const book::AccountRow& account);

}  // namespace ledger::sql
