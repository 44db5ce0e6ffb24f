// A transaction as it is shown: what was asked, what was decided, what it left behind.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/record.h"
#include "book/command.h"
#include "book/verdict.h"
#include "cli/failure.h"
#include "decided.h"
#include "names.h"

namespace ledger::cli {

struct TxRow {
  Id id;
  Offset offset;  ///< Of the first record with this id.
  Time recorded;
  book::Verdict verdict;
  bool written = false;  ///< Answers a write: says whether it was a duplicate.
  std::optional<Time> effective = {};
  std::vector<book::Leg> legs = {};  ///< Of a refusal: those asked for.
  std::string memo = {};
  std::string meta = {};
  std::vector<book::Balance> balances = {};
  std::optional<uint64_t> line = {};  ///< Of the input.
  std::optional<Offset> as_of = {};
  bool decided = true;  ///< False offline, where no verdict is known.
};

/// What a decision and its record say. `record` is one of kind transact, without its size.
TxRow tx_row(const book::Decision& decision, const RecordView& record);

/// The same of a record in a stream with details.
TxRow tx_row(const DecidedRecord& record);

/// The object of kind `tx`. With `minor` amounts are integers in minor units.
std::string tx_json(const TxRow& row, Names& names, bool minor);

/// `OFFSET TIME ID STATUS DEBIT CREDIT AMOUNT ASSET MEMO`, one list of cells for each leg.
std::vector<std::vector<std::string>> tx_cells(const TxRow& row, Names& names, bool minor);

/// The same for a stream: a line for each leg, its cells a blank apart.
std::string tx_lines(const TxRow& row, Names& names);

/// `name  value` rows for `tx show`.
std::vector<std::pair<std::string, std::string>> tx_values(const TxRow& row, Names& names,
                                                           bool minor);

/// Why it was refused, ready to be printed as an error with exit 1.
Failure refusal(const TxRow& row, Names& names, bool minor);

}  // namespace ledger::cli
