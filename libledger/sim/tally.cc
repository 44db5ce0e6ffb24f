#include "sim/tally.h"

#include <utility>

namespace ledger::sim {

Tally::Booked Tally::apply(const RecordView& record) {
  switch (static_cast<Kind>(record.kind)) {
    case Kind::asset:
      if (std::exchange(asset_, true)) return {book::Code::asset_exists, {}};
      return {};
    case Kind::account: {
      const book::Account account = *book::decode_account(record.body);
      if (!asset_) return {book::Code::asset_not_found, {}};
      if (!balances_.emplace(account.account, 0).second) return {book::Code::account_exists, {}};
      floored_[account.account] = account.floor.has_value();
      return {};
    }
    case Kind::transact:
      return transfer(record.body);
    default:
      return {};
  }
}

Tally::Booked Tally::transfer(Bytes body) {
  const book::Leg leg = book::decode_transact(body)->legs.front();
  const auto debit = balances_.find(leg.debit);
  const auto credit = balances_.find(leg.credit);
  if (debit == balances_.end() || credit == balances_.end()) {
    return {book::Code::account_not_found, {}};
  }
  const auto amount = static_cast<int64_t>(leg.amount);
  if (floored_.at(leg.debit) && debit->second < amount) {
    return {book::Code::insufficient_funds, {}};
  }
  debit->second -= amount;
  credit->second += amount;
  return {book::Code::ok, {{leg.debit, debit->second}, {leg.credit, credit->second}}};
}

}  // namespace ledger::sim
