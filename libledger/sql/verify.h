// Proves that a database holds what the log says, or names the rows that differ.
#pragma once

#include <functional>
#include <string>

#include "history/source.h"
#include "sql/compare.h"
#include "sql/replay.h"
#include "sql/target.h"

namespace ledger::sql {

/// So many differences are told one by one.
constexpr uint64_t differences_told_max = 100;

struct Check {
  std::string name = "default";
  /// Assets, accounts, balances and digest only, by the source's verdicts.
  bool fast = false;
  std::function<bool()> stop = [] { return false; };
  std::function<void(const Progress&)> progress = [](const Progress&) {};
  /// Called for the first hundred.
  std::function<void(const Difference&)> differs = [](const Difference&) {};
};

struct Report {
  uint64_t records = 0;  ///< Folded: the target's watermark.
  uint64_t accounts = 0;
  uint64_t differences = 0;
  bool stopped = false;  ///< Ended by `stop`, having proved nothing.
};

/// Folds the log up to the target's watermark, deciding every record anew, and compares every row
/// of every table by value, in one snapshot of the target. Nothing in the target is trusted but the
/// watermark, as the offset to compare at. About 30 bytes of memory a record for ids, and 200 an
/// account.
///
/// Errors: those of Target and Source; `no_such_replay`, `database_mismatch`, `history_mismatch`,
/// `schema_too_new` where there is nothing to compare; `state_diverged` where the source's verdicts
/// are not those that the rules give.
Result<Report> verify(Target& target, history::Source& source, const Check& check);

}  // namespace ledger::sql
