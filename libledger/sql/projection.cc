#include "sql/projection.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "book/detail_text.h"

namespace ledger::sql {
namespace {

/// Rows and texts of a batch: far below what a process may need, far above what a transaction
/// costs.
constexpr size_t batch_bytes_max = 16 << 20;

Value number(Offset offset) {
  return static_cast<int64_t>(offset.value);
}

Value amount(const std::optional<Int128>& value) {
  return value ? Value(*value) : Value();
}

Error too_large(Offset offset, const std::string& account) {
  return {Code::amount_too_large,
          "offset " + std::to_string(offset.value) + ": " + account + " goes beyond 2^63-1",
          "rebuild with --sqlite-amounts text"};
}

bool fits(const std::optional<Int128>& value) {
  return !value || (*value <= INT64_MAX && *value >= -INT64_MAX);
}

}  // namespace

std::array<Value, 9> balance_row(const book::AccountRow& row) {
  const auto total = [](Uint128 value) { return Value(static_cast<Int128>(value)); };
  return {row.account.account,       total(row.debits_posted),          total(row.credits_posted),
          total(row.debits_pending), total(row.credits_pending),        row.posted(),
          row.available(),           static_cast<int64_t>(row.version), number(row.last_offset)};
}

Projection::Projection(book::Book book, const Watermark& at) : book_(std::move(book)) {
  assert(book_.next_offset() == at.next_offset);
  book_.track_touched();
  book_.clear_touched();
  batch_.to = at;
  for (size_t i = 0; i < table_count; ++i) batch_.rows[i].table = &table(TableName(i));
  if (at.amounts == Amounts::integer) {
    book_.each_account("", [this](const book::AccountRow& row) {
      total_bound_ = std::max({total_bound_, row.debits_posted, row.credits_posted});
    });
  }
  begin_next();
}

void Projection::begin_next() {
  batch_.from = batch_.to.next_offset;
  for (Rows& rows : batch_.rows) rows.values.clear();
  texts_ = std::make_unique<std::pmr::monotonic_buffer_resource>(64 << 10);
  text_bytes_ = 0;
}

bool Projection::full() const {
  size_t values = 0;
  for (const Rows& rows : batch_.rows) values += rows.values.size();
  return values * sizeof(Value) + text_bytes_ >= batch_bytes_max;
}

Result<void> Projection::add(const Step& step) {
  const bool accepted = !step.duplicate && step.code == book::Code::ok;
  const auto kind = static_cast<Kind>(step.record.kind);
  if (accepted && kind == Kind::transact) (void)book::read(step.record.body, transact_);
  if (accepted && batch_.to.amounts == Amounts::integer) TRY(check_amounts(step));
  TRY(book_.redo(step.stamp, step.record, step.code, step.duplicate));
  batch_.to.next_offset = step.stamp.offset + 1;
  batch_.to.last_id = step.record.id;
  batch_.to.last_recorded = step.stamp.recorded;
  if (step.duplicate) return {};
  const bool kept = step.stamp.offset >= batch_.to.first_offset;
  if (!accepted) {
    if (kept) add_rejection(step);
    return {};
  }
  switch (kind) {
    case Kind::asset:
      add_asset(step);
      break;
    case Kind::account:
      add_account(step);
      break;
    case Kind::transact:
      if (kept) add_transaction(step);
      break;
    case Kind::raw:
      if (kept && batch_.to.raw) add_record(step);
      break;
    default:
      break;  // No rules version that redo knows has more.
  }
  return {};
}

/// Before anything changes, so that the batch can end here.
Result<void> Projection::check_amounts(const Step& step) {
  if (step.record.kind == uint8_t(Kind::account)) {
    const std::optional<book::Account> account = book::decode_account(step.record.body);
    if (account && !(fits(account->floor) && fits(account->ceiling))) {
      return tl::unexpected(too_large(step.stamp.offset, account->name));
    }
  }
  if (step.record.kind != uint8_t(Kind::transact)) return {};
  // No total is above the largest one at the start and all that moved since: mostly that is enough.
  Uint128 moved = 0;
  for (const book::Leg& leg : transact_.legs) moved += static_cast<Uint128>(leg.amount);
  if (total_bound_ <= Uint128{INT64_MAX} && moved <= Uint128{INT64_MAX} - total_bound_) {
    total_bound_ += moved;
    return {};
  }
  total_bound_ = ~Uint128{0};
  return check_totals(step);
}

/// Totals only grow, and a balance is never larger than the larger total.
Result<void> Projection::check_totals(const Step& step) const {
  struct Total {
    Id account;
    bool debit;
    Uint128 value;
  };
  std::vector<Total> totals;
  for (const book::Leg& leg : transact_.legs) {
    for (const bool debit : {true, false}) {
      const Id& id = debit ? leg.debit : leg.credit;
      const std::optional<book::AccountRow> row = book_.account(id);
      if (!row) return {};  // redo will say so
      auto total = std::ranges::find_if(
          totals, [&](const Total& seen) { return seen.account == id && seen.debit == debit; });
      if (total == totals.end()) {
        total = totals.insert(totals.end(),
                              {id, debit, debit ? row->debits_posted : row->credits_posted});
      }
      total->value += static_cast<Uint128>(leg.amount);
      if (total->value > Uint128{INT64_MAX}) {
        return tl::unexpected(too_large(step.stamp.offset, row->account.name));
      }
    }
  }
  return {};
}

void Projection::add_rejection(const Step& step) {
  const RecordView& record = step.record;
  const std::string detail = book::detail_json(step.code, *step.detail, book::style_of(book_));
  put(TableName::rejections,
      {number(step.stamp.offset), record.id,
       record.readable ? name(static_cast<Kind>(record.kind)) : "unknown", book::name(step.code),
       step.detail->leg ? Value(int64_t{*step.detail->leg}) : Value(), step.stamp.recorded.ns,
       keep(detail)});
}

void Projection::add_asset(const Step& step) {
  const std::optional<book::Asset> asset = book::decode_asset(step.record.body);
  assert(asset);                                                      // redo has read it
  if (book_.asset(asset->code)->offset != step.stamp.offset) return;  // It was there already.
  put(TableName::assets, {keep(asset->code), int64_t{asset->scale}, number(step.stamp.offset)});
}

void Projection::add_account(const Step& step) {
  const std::optional<book::Account> account = book::decode_account(step.record.body);
  assert(account);  // redo has read it
  put(TableName::accounts,
      {account->account, keep(account->name), keep(account->asset), book::name(account->kind),
       amount(account->floor), amount(account->ceiling), int64_t{0}, step.stamp.recorded.ns,
       number(step.stamp.offset), meta(step.record)});
  opened_.push_back(account->account);
}

void Projection::add_transaction(const Step& step) {
  const Value offset = number(step.stamp.offset);
  const int64_t recorded = step.stamp.recorded.ns;
  put(TableName::transactions, {offset,
                                step.record.id,
                                "transfer",
                                "posted",
                                recorded,
                                transact_.effective ? transact_.effective->ns : recorded,
                                {},
                                {},
                                {},
                                transact_.memo.empty() ? Value() : Value(keep(transact_.memo)),
                                meta(step.record)});
  int64_t number_of_leg = 0;
  for (const book::Leg& leg : transact_.legs) {
    put(TableName::transfers, {offset, number_of_leg++, leg.debit, leg.credit, asset_of(leg.debit),
                               leg.amount, int64_t{1}});
  }
}

void Projection::add_record(const Step& step) {
  put(TableName::records,
      {number(step.stamp.offset), step.record.id, step.stamp.recorded.ns, keep(step.record.body)});
}

void Projection::put(TableName table, std::initializer_list<Value> row) {
  Rows& rows = batch_.of(table);
  assert(row.size() == rows.table->columns.size());
  rows.values.insert(rows.values.end(), row);
}

std::string_view Projection::keep(std::string_view text) {
  if (text.empty()) return "";
  char* copy = static_cast<char*>(texts_->allocate(text.size(), 1));
  std::memcpy(copy, text.data(), text.size());
  text_bytes_ += text.size();
  return {copy, text.size()};
}

Value Projection::meta(const RecordView& record) {
  return record.meta.empty() ? "{}" : keep(record.meta);
}

std::string_view Projection::asset_of(const Id& account) {
  const std::optional<book::AccountRow> row = book_.account(account);
  assert(row);  // redo has moved money there
  return *assets_.insert(row->account.asset).first;
}

const Batch& Projection::finish() {
  const std::span<const Id> touched = book_.touched();
  opened_.insert(opened_.end(), touched.begin(), touched.end());
  std::ranges::sort(opened_);
  const auto repeated = std::ranges::unique(opened_);
  opened_.erase(repeated.begin(), repeated.end());
  Rows& balances = batch_.of(TableName::balances);
  for (const Id& id : opened_) {
    const std::array<Value, 9> row = balance_row(book_.account(id).value());
    balances.values.insert(balances.values.end(), row.begin(), row.end());
  }
  opened_.clear();
  book_.clear_touched();
  batch_.to.state_digest = book_.digest();
  return batch_;
}

}  // namespace ledger::sql
