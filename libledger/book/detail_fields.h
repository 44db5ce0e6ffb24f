// The fields of a Detail, said once: for its bytes and for its text.
#pragma once

#include <cstdint>
#include <string_view>

namespace ledger::book {

/// Calls `visit(number, name, field)` for every field of ledger.v1.Detail, in ascending order.
template <class D, class F>
void each_field(D& detail, F visit) {
  visit(1, "first_offset", detail.first_offset);
  visit(2, "field", detail.field);
  visit(3, "error", detail.error);
  visit(4, "expected", detail.expected);
  visit(5, "actual_offset", detail.actual_offset);
  visit(6, "valid_until", detail.valid_until);
  visit(7, "log_time", detail.log_time);
  visit(8, "asset", detail.asset);
  visit(9, "scale", detail.scale);
  visit(10, "account", detail.account);
  visit(11, "name", detail.name);
  visit(12, "leg", detail.leg);
  visit(13, "side", detail.side);
  visit(14, "condition", detail.condition);
  visit(15, "what", detail.what);
  visit(16, "actual", detail.actual);
  visit(17, "version", detail.version);
  visit(18, "available", detail.available);
  visit(19, "floor", detail.floor);
  visit(20, "needed", detail.needed);
  visit(21, "posted", detail.posted);
  visit(22, "ceiling", detail.ceiling);
  visit(23, "added", detail.added);
  visit(24, "total", detail.total);
  visit(25, "debit_asset", detail.debit_asset);
  visit(26, "credit_asset", detail.credit_asset);
  visit(27, "holder", detail.holder);
}

}  // namespace ledger::book
