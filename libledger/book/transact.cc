// Deciding a transaction: the rules of the book, in the order of their codes.

#include <algorithm>
#include <cassert>

#include "base/planted.h"
#include "book/state.h"

namespace ledger::book {
namespace {

constexpr auto total_max = static_cast<Uint128>(int128_max);

/// Nothing: the rule is kept.
using Refusal = std::optional<Verdict>;

/// An account as the transaction at hand leaves it.
struct Scratch {
  AccountIndex account;
  const Row* row;  ///< As it was before.
  Uint128 debits;
  Uint128 credits;
};

Int128 balance(AccountKind kind, Uint128 debits, Uint128 credits) {
  const Int128 more_debits = static_cast<Int128>(debits) - static_cast<Int128>(credits);
  return sign(kind) * more_debits;
}

/// One transaction on its way through the rules. Nothing of the book changes before `write_back`.
class Deciding {
 public:
  Deciding(BookState& state, const Stamp& stamp, const Transact& transact)
      : state_(state), stamp_(stamp), transact_(transact) {}

  Verdict run() {
    if (Refusal refusal = find_accounts()) return *std::move(refusal);
    if (Refusal refusal = match_assets()) return *std::move(refusal);
    if (Refusal refusal = judge_conditions()) return *std::move(refusal);
    if (Refusal refusal = add_up()) return *std::move(refusal);
    if (Refusal refusal = judge_floors()) return *std::move(refusal);
    if (Refusal refusal = judge_ceilings()) return *std::move(refusal);
    write_back();
    return Verdict{.first = stamp_.offset};
  }

  /// For a transaction that is known to be accepted; false where that can't be.
  bool redo() {
    if (find_accounts() || match_assets() || add_up()) return false;
    write_back();
    return true;
  }

 private:
  Refusal refuse(Code code, Detail detail) const {
    return refusal(stamp_, code, std::move(detail));
  }

  Refusal find_accounts() {
    for (uint32_t i = 0; i < transact_.legs.size(); ++i) {
      const Leg& leg = transact_.legs[i];
      for (const bool debit : {true, false}) {
        const Id& id = debit ? leg.debit : leg.credit;
        const std::optional<AccountIndex> account = state_.find(id);
        if (!account) {
          return refuse(Code::account_not_found,
                        {.account = id, .leg = i, .side = debit ? "debit" : "credit"});
        }
        (debit ? debits_ : credits_)[i] = *account;
      }
    }
    for (uint32_t i = 0; i < transact_.conditions.size(); ++i) {
      const Id& id = transact_.conditions[i].account;
      const std::optional<AccountIndex> account = state_.find(id);
      if (!account) return refuse(Code::account_not_found, {.account = id, .condition = i});
      conditions_[i] = *account;
    }
    return std::nullopt;
  }

  Refusal match_assets() const {
    for (uint32_t i = 0; i < transact_.legs.size(); ++i) {
      const uint32_t debit = state_.rows[debits_[i]].asset;
      const uint32_t credit = state_.rows[credits_[i]].asset;
      if (debit == credit) continue;
      return refuse(Code::asset_mismatch, {.leg = i,
                                           .debit_asset = state_.assets[debit].code,
                                           .credit_asset = state_.assets[credit].code});
    }
    return std::nullopt;
  }

  static Int128 actual(const Row& row, Condition::What what) {
    if (what == Condition::What::version) return static_cast<Int128>(row.version);
    return row.posted();  // Nothing is pending under rules version 1: available is the same.
  }

  static bool holds(Int128 actual, Condition::Op op, Int128 value) {
    switch (op) {
      case Condition::Op::eq:
        return actual == value;
      case Condition::Op::ge:
        return actual >= value;
      case Condition::Op::le:
        return actual <= value;
    }
    return false;
  }

  Refusal judge_conditions() const {
    for (uint32_t i = 0; i < transact_.conditions.size(); ++i) {
      const Condition& condition = transact_.conditions[i];
      const Row& row = state_.rows[conditions_[i]];
      const Int128 value = actual(row, condition.what);
      if (holds(value, condition.op, condition.value)) continue;
      return refuse(Code::condition_failed, {.account = condition.account,
                                             .condition = i,
                                             .what = std::string(name(condition.what)),
                                             .actual = value,
                                             .version = row.version});
    }
    return std::nullopt;
  }

  Scratch& scratch(AccountIndex account) {
    Scratch* const end = touched_.data() + touched_count_;
    Scratch* const found = std::find_if(
        touched_.data(), end, [account](const Scratch& one) { return one.account == account; });
    if (found == end) {
      const Row& row = state_.rows[account];
      *found = {account, &row, row.debits, row.credits};
      ++touched_count_;
    }
    return *found;
  }

  /// Totals are at most 2^127 - 1, and so is an amount: their sum fits into 128 bits.
  Refusal add_up() {
    for (uint32_t i = 0; i < transact_.legs.size(); ++i) {
      const Leg& leg = transact_.legs[i];
      const auto amount = static_cast<Uint128>(leg.amount);
      Scratch& debit = scratch(debits_[i]);
      debit.debits += amount;
      if (debit.debits > total_max)
        return refuse_overflow(i, leg.debit, "debit", debit.row->debits);
      Scratch& credit = scratch(credits_[i]);
      if (!planted(Mistake::one_leg_only)) credit.credits += amount;
      if (credit.credits > total_max) {
        return refuse_overflow(i, leg.credit, "credit", credit.row->credits);
      }
    }
    return std::nullopt;
  }

  Refusal refuse_overflow(uint32_t leg, const Id& id, const char* side, Uint128 before) const {
    return refuse(Code::overflow,
                  {.account = id, .leg = leg, .side = side, .total = static_cast<Int128>(before)});
  }

  std::span<const Scratch> touched() const { return {touched_.data(), touched_count_}; }

  /// The lowest leg that moves `account` up or down.
  uint32_t leg_moving(AccountIndex account, bool up) const {
    const bool debit_side = (sign(state_.rows[account].kind) > 0) == up;
    const auto& side = debit_side ? debits_ : credits_;
    uint32_t i = 0;
    while (side[i] != account) ++i;
    return i;
  }

  Refusal judge_floors() const {
    for (const Scratch& after : touched()) {
      const Row& row = *after.row;
      if (!row.has_floor || planted(Mistake::floor_ignored)) continue;
      const Int128 available = row.posted();
      const Int128 left = balance(row.kind, after.debits, after.credits);
      if (left >= available || left >= row.floor) continue;
      return refuse(Code::insufficient_funds, {.account = state_.labels[after.account].id,
                                               .leg = leg_moving(after.account, false),
                                               .available = available,
                                               .floor = row.floor,
                                               .needed = available - left});
    }
    return std::nullopt;
  }

  Refusal judge_ceilings() const {
    for (const Scratch& after : touched()) {
      const Row& row = *after.row;
      if (!row.has_ceiling) continue;
      const Int128 posted = row.posted();
      const Int128 reached = balance(row.kind, after.debits, after.credits);
      if (reached <= posted || reached <= row.ceiling) continue;
      return refuse(Code::ceiling_exceeded, {.account = state_.labels[after.account].id,
                                             .leg = leg_moving(after.account, true),
                                             .posted = posted,
                                             .ceiling = row.ceiling,
                                             .added = reached - posted});
    }
    return std::nullopt;
  }

  void write_back() {
    for (const Scratch& after : touched()) {
      state_.mark(after.account);
      Row& row = state_.rows[after.account];
      row.debits = after.debits;
      row.credits = after.credits;
      row.version += planted(Mistake::place_decides) ? reinterpret_cast<uintptr_t>(&row) >> 6 : 1;
      row.last_offset = stamp_.offset;
    }
  }

  BookState& state_;
  const Stamp& stamp_;
  const Transact& transact_;
  // Filled as far as there are legs, conditions, accounts; clearing them first would cost more than
  // deciding.
  std::array<AccountIndex, legs_max> debits_;
  std::array<AccountIndex, legs_max> credits_;
  std::array<AccountIndex, conditions_max> conditions_;
  std::array<Scratch, 2 * legs_max> touched_;
  size_t touched_count_ = 0;
};

}  // namespace

Int128 Row::posted() const {
  return balance(kind, debits, credits);
}

Verdict BookState::decide_transact(const Stamp& stamp) {
  return Deciding(*this, stamp, body.transact).run();
}

bool BookState::redo_transact(const Stamp& stamp) {
  return Deciding(*this, stamp, body.transact).redo();
}

}  // namespace ledger::book
