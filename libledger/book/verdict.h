// What the book says about one record.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/id.h"
#include "base/int128.h"
#include "base/types.h"
#include "book/command.h"

namespace ledger::book {

/// Codes are numbers for ever and names are stable identifiers in JSON and SQL. Precedence is the
/// order of the codes: the lowest that applies is the verdict.
enum class Code : uint8_t {
  ok = 0,
  id_conflict = 1,
  malformed = 2,
  offset_mismatch = 3,
  too_late = 4,
  asset_not_found = 10,
  asset_exists = 11,
  account_exists = 12,
  name_taken = 13,
  account_not_found = 14,
  account_closed = 15,
  asset_mismatch = 16,
  period_closed = 17,
  condition_failed = 18,
  overflow = 20,
  insufficient_funds = 21,
  ceiling_exceeded = 22,
  transaction_not_found = 30,
  not_pending = 31,
  already_posted = 32,
  already_voided = 33,
  expired = 34,
  exceeds_pending = 35,
  not_reversible = 36,
  already_reversed = 37,
  account_not_empty = 40,
};

/// In a table of verdicts: the offset holds a repetition of an earlier record, and no verdict.
constexpr uint8_t duplicate_mark = 255;

std::string_view name(Code code);
std::optional<Code> code_numbered(uint8_t number);
std::optional<Code> code_named(std::string_view name);

/// The numbers of a refusal; which fields a verdict fills is said in ledger(7) and tested.
struct Detail {
  std::optional<Offset> first_offset = {};
  std::optional<std::string> field = {};
  std::optional<std::string> error = {};
  std::optional<Offset> expected = {};
  std::optional<Offset> actual_offset = {};
  std::optional<Time> valid_until = {};
  std::optional<Time> log_time = {};
  std::optional<std::string> asset = {};
  std::optional<uint32_t> scale = {};
  std::optional<Id> account = {};
  std::optional<std::string> name = {};
  std::optional<uint32_t> leg = {};
  std::optional<std::string> side = {};
  std::optional<uint32_t> condition = {};
  std::optional<std::string> what = {};
  std::optional<Int128> actual = {};
  std::optional<uint64_t> version = {};
  std::optional<Int128> available = {};
  std::optional<Int128> floor = {};
  std::optional<Int128> needed = {};
  std::optional<Int128> posted = {};
  std::optional<Int128> ceiling = {};
  std::optional<Int128> added = {};
  std::optional<Int128> total = {};
  std::optional<std::string> debit_asset = {};
  std::optional<std::string> credit_asset = {};
  std::optional<Id> holder = {};

  friend bool operator==(const Detail&, const Detail&) = default;
};

/// Canonical bytes of ledger.v1.Detail, and the strict way back.
std::string encode(const Detail& detail);
std::optional<Detail> decode_detail(Bytes bytes);

struct Verdict {
  Code code = Code::ok;
  bool duplicate = false;  ///< The record repeats an earlier one; `code` is that one's.
  Offset first = {};   ///< Of the first record with this id: the record's own, unless it repeats.
  Detail detail = {};  ///< Empty for ok.

  friend bool operator==(const Verdict&, const Verdict&) = default;
};

/// A balance after a record, on the account's normal side.
struct Balance {
  Id account;
  std::string name;
  Int128 posted = 0;
  Int128 available = 0;
  uint64_t version = 0;

  friend bool operator==(const Balance&, const Balance&) = default;
};

/// A verdict with all that its answer carries.
struct Decision {
  Id id;
  Offset offset;  ///< Of the first record with this id.
  Time recorded;  ///< Of that record.
  Verdict verdict;
  std::optional<Time> effective = {};  ///< Accepted transactions.
  std::vector<Leg> legs;               ///< Accepted transactions: what moved.
  std::vector<Balance> balances;       ///< Accepted and not a duplicate: after this record.
};

/// Records that were written by one entry: `count` of them, 1 ns apart from `recorded` on.
struct Run {
  uint32_t count = 0;
  Time recorded;
  Term term;
  uint8_t rules = 1;

  friend bool operator==(const Run&, const Run&) = default;
};

/// Consecutive records with what was decided about each: the form in which the log reaches
/// projections, from a node or from a directory.
struct Decided {
  Offset first;
  std::string records;          ///< Sizes first, one after the other (base/record.h).
  std::vector<Run> runs;        ///< Their entries; counts add up to the number of records.
  std::string verdicts;         ///< One byte a record: a Code, or duplicate_mark.
  std::vector<Detail> details;  ///< One for each refusal, in order.
  Offset as_of;                 ///< Exclusive end of what the source had decided.

  Offset next() const { return first + verdicts.size(); }
};

}  // namespace ledger::book
