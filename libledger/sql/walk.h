// Decided records one at a time, as projections and checks take them.
#pragma once

#include <optional>

#include "base/record.h"
#include "base/result.h"
#include "book/verdict.h"

namespace ledger::sql {

/// One record with what was decided about it. Borrowed from the batch it came in.
struct Step {
  Stamp stamp;
  RecordView record;
  book::Code code = book::Code::ok;  ///< Without meaning for a duplicate.
  bool duplicate = false;
  const book::Detail* detail = nullptr;  ///< Of a refusal.
};

/// Walks over one batch, and holds that records, runs, verdicts and details fit together.
class Walk {
 public:
  Walk() = default;
  explicit Walk(book::Decided decided);

  /// The next record, or nothing at the end. Errors: `corrupt_segment` for a batch whose parts
  /// don't fit together.
  Result<std::optional<Step>> next();

  /// Offset of the record that `next` gives, if it gives one.
  Offset position() const { return decided_.first + count_; }
  bool at_end() const { return count_ == decided_.verdicts.size(); }
  const book::Decided& decided() const { return decided_; }

 private:
  book::Decided decided_;
  size_t bytes_ = 0;  ///< Of decided_.records, already taken.
  size_t count_ = 0;
  size_t details_ = 0;
  size_t run_ = 0;
  uint32_t run_count_ = 0;  ///< Records taken of run_.
};

}  // namespace ledger::sql
