// The table of verdicts: what was decided at each offset, for ever.
#pragma once

#include <map>
#include <mutex>
#include <shared_mutex>
#include <vector>

#include "base/types.h"
#include "book/verdict.h"

namespace ledger::history {

/// Verdicts by offset. Only what is not a plain ok is held, so a log of good records costs nothing.
///
/// Threads: `add` from one; the others from any, for offsets below what was added.
class Verdicts {
 public:
  /// Notes the verdict at `offset`. Offsets come in ascending order; a plain ok need not be told.
  void add(Offset offset, const book::Verdict& verdict);

  /// The verdict of the record at `offset`; a duplicate's says so and has the first one's code.
  book::Verdict at(Offset offset) const;

  /// Appends one byte for each offset of [from, end): a code, or book::duplicate_mark; and to
  /// `details` one for each refusal among them, in order.
  void list(Offset from, Offset end, std::string& codes, std::vector<book::Detail>& details) const;

 private:
  mutable std::shared_mutex mutex_;
  std::map<Offset, book::Verdict> not_ok_;
};

}  // namespace ledger::history
