// The rules that need no state: what may enter the log at all.
#pragma once

#include <optional>
#include <string>

#include "base/error.h"
#include "base/record.h"
#include "book/command.h"

namespace ledger::book {

/// A request that can't enter the log: the name of the rule (`invalid_amount` …) as a Code, and a
/// sentence.
struct RequestError {
  ledger::Code code = ledger::Code::invalid_message;
  std::string message;
};

/// A record's body, read once: what is judged and what is decided on. Which member is set follows
/// from the record's kind. Its buffers are kept, so that one Body may serve many records.
struct Body {
  Asset asset;
  Account account;
  Transact transact;
};

/// Checks a record against all rules that need no state, in the order of their list: before the
/// log by rpc, and in `apply`. `rules` is one this binary knows.
///
/// The order: `too_large`, `invalid_message`, `invalid_id`, `invalid_name`, `invalid_text`,
/// `invalid_legs`, `invalid_amount`, `invalid_limits`. A body that can't be read has no memo to be
/// too large.
std::optional<RequestError> check(const RecordView& record, uint8_t rules);

/// The same, leaving the body in `body`.
std::optional<RequestError> check(const RecordView& record, uint8_t rules, Body& body);

}  // namespace ledger::book
