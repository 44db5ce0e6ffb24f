#include "book/check.h"

#include <cassert>

#include "book/meta.h"
#include "book/text.h"

namespace ledger::book {
namespace {

/// A failure, or the wish to go on to the next rule.
using Fault = std::optional<RequestError>;
using enum ledger::Code;

Fault fault(ledger::Code code, std::string message) {
  return RequestError{code, std::move(message)};
}

std::string count_text(size_t count, const char* what, size_t most) {
  return std::to_string(count) + " " + what + ", at most " + std::to_string(most);
}

std::string element(const char* list, size_t index, const char* field) {
  return std::string(list) + "[" + std::to_string(index) + "]." + field;
}

/// Text from outside, cut to what a line can hold.
std::string quoted(Bytes text) {
  return "'" + std::string(text.substr(0, 200)) + "'";
}

Readable read_body(const RecordView& record, Body& body) {
  switch (static_cast<Kind>(record.kind)) {
    case Kind::raw:
      return Readable::yes;
    case Kind::asset:
      return read(record.body, body.asset);
    case Kind::account:
      return read(record.body, body.account);
    case Kind::transact:
      return read(record.body, body.transact);
    default:
      return Readable::no;  // Unknown, or of a later rules version.
  }
}

Fault check_size(const RecordView& record, Readable readable, const Body& body) {
  const size_t bytes = varint_bytes(record.bytes.size()) + record.bytes.size();
  if (bytes > entry_bytes_max) {
    return fault(too_large, "record of " + count_text(bytes, "bytes", entry_bytes_max));
  }
  if (!record.whole) return std::nullopt;
  const auto kind = static_cast<Kind>(record.kind);
  if (kind == Kind::raw && record.body.size() > raw_body_bytes_max) {
    return fault(too_large,
                 "raw record of " + count_text(record.body.size(), "bytes", raw_body_bytes_max));
  }
  if (record.meta.size() > meta_bytes_max) {
    return fault(too_large, "meta of " + count_text(record.meta.size(), "bytes", meta_bytes_max));
  }
  if (kind == Kind::transact && readable != Readable::no &&
      body.transact.memo.size() > memo_bytes_max) {
    return fault(too_large,
                 "memo of " + count_text(body.transact.memo.size(), "bytes", memo_bytes_max));
  }
  return std::nullopt;
}

Fault check_message(const RecordView& record, Readable readable, const Body& body) {
  if (!record.whole) return fault(invalid_message, "the record's flags and lengths do not fit it");
  const auto kind = static_cast<Kind>(record.kind);
  if (kind > Kind::transact) {
    return fault(invalid_message, "no record of kind " + std::to_string(record.kind) + " (" +
                                      std::string(name(kind)) + ") under rules version 1");
  }
  if (readable == Readable::no) {
    return fault(invalid_message,
                 std::string(name(kind)) + ": not the canonical bytes of a known message");
  }
  if (kind == Kind::transact && body.transact.conditions.size() > conditions_max) {
    return fault(invalid_message,
                 count_text(body.transact.conditions.size(), "conditions", conditions_max));
  }
  return std::nullopt;
}

Fault no_id(std::string what) {
  return fault(invalid_id, std::move(what) + " is no id: all its bytes are 00 or ff");
}

Fault check_ids(const RecordView& record, Readable readable, const Body& body) {
  if (!record.id.valid()) return no_id("the record's id");
  if (readable == Readable::ids_unsized) return fault(invalid_id, "an id is not 16 bytes");
  const auto kind = static_cast<Kind>(record.kind);
  if (kind == Kind::account && !body.account.account.valid()) return no_id("the account's id");
  if (kind != Kind::transact) return std::nullopt;
  const Transact& transact = body.transact;
  for (size_t i = 0; i < transact.legs.size(); ++i) {
    const Leg& leg = transact.legs[i];
    if (!leg.debit.valid()) return no_id(element("legs", i, "debit"));
    if (!leg.credit.valid()) return no_id(element("legs", i, "credit"));
  }
  for (size_t i = 0; i < transact.conditions.size(); ++i) {
    if (!transact.conditions[i].account.valid()) return no_id(element("conditions", i, "account"));
  }
  return std::nullopt;
}

Fault check_code(Bytes code) {
  if (is_asset_code(code)) return std::nullopt;
  return fault(invalid_name, quoted(code) +
                                 " is no asset code: a capital, then at most 15 "
                                 "capitals or digits");
}

Fault check_names(const RecordView& record, const Body& body) {
  if (static_cast<Kind>(record.kind) == Kind::asset) {
    if (Fault found = check_code(body.asset.code)) return found;
    if (body.asset.scale <= scale_max) return std::nullopt;
    return fault(invalid_name, "scale " + std::to_string(body.asset.scale) + ", at most 18");
  }
  if (static_cast<Kind>(record.kind) != Kind::account) return std::nullopt;
  const Account& account = body.account;
  if (!is_account_name(account.name)) {
    return fault(invalid_name, quoted(account.name) +
                                   " is no account name: 1 to 8 parts of a-z, 0-9 and '-' "
                                   "joined by ':', at most 128 bytes");
  }
  if (kind_of_name(account.name) != account.kind) {
    return fault(invalid_name, quoted(account.name) + " is no name for an account of kind " +
                                   std::string(name(account.kind)));
  }
  return check_code(account.asset);
}

Fault check_texts(const RecordView& record, const Body& body) {
  if (static_cast<Kind>(record.kind) == Kind::transact && !is_printable(body.transact.memo)) {
    return fault(invalid_text, "the memo has a control character");
  }
  if (record.meta.empty()) return std::nullopt;
  if (const std::optional<std::string> wrong = meta_fault(record.meta)) {
    return fault(invalid_text, "meta " + *wrong);
  }
  return std::nullopt;
}

Fault check_legs(const Transact& transact) {
  if (transact.legs.empty()) return fault(invalid_legs, "no legs");
  if (transact.legs.size() > legs_max) {
    return fault(invalid_legs, count_text(transact.legs.size(), "legs", legs_max));
  }
  for (size_t i = 0; i < transact.legs.size(); ++i) {
    if (transact.legs[i].debit == transact.legs[i].credit) {
      return fault(invalid_legs, "legs[" + std::to_string(i) + "] debits and credits one account");
    }
  }
  for (size_t i = 0; i < transact.legs.size(); ++i) {
    if (transact.legs[i].amount < 1) {
      return fault(invalid_amount, element("legs", i, "amount") + " is " +
                                       format_integer(transact.legs[i].amount) +
                                       ", an amount is at least 1 minor unit");
    }
  }
  return std::nullopt;
}

Fault check_limits(const Account& account) {
  if (!account.floor || !account.ceiling || *account.floor <= *account.ceiling) {
    return std::nullopt;
  }
  return fault(invalid_limits, "floor " + format_integer(*account.floor) + " is above ceiling " +
                                   format_integer(*account.ceiling) + ", in minor units");
}

}  // namespace

std::optional<RequestError> check(const RecordView& record, uint8_t rules) {
  Body body;
  return check(record, rules, body);
}

std::optional<RequestError> check(const RecordView& record, [[maybe_unused]] uint8_t rules,
                                  Body& body) {
  assert(rules == 1);
  const Readable readable = record.whole ? read_body(record, body) : Readable::no;
  if (Fault found = check_size(record, readable, body)) return found;
  if (Fault found = check_message(record, readable, body)) return found;
  if (Fault found = check_ids(record, readable, body)) return found;
  if (Fault found = check_names(record, body)) return found;
  if (Fault found = check_texts(record, body)) return found;
  switch (static_cast<Kind>(record.kind)) {
    case Kind::transact:
      return check_legs(body.transact);
    case Kind::account:
      return check_limits(body.account);
    default:
      return std::nullopt;
  }
}

}  // namespace ledger::book
