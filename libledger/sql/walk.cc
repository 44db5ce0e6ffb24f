#include "sql/walk.h"

#include <string>

namespace ledger::sql {

Walk::Walk(book::Decided decided) : decided_(std::move(decided)) {}

Result<std::optional<Step>> Walk::next() {
  const auto misfit = [this](const char* what) {
    return fail(Code::corrupt_segment,
                "offset " + std::to_string(position().value) + ": the source gave " + what,
                "verify its segments, or read from another node");
  };
  if (at_end()) {
    if (bytes_ != decided_.records.size() || details_ != decided_.details.size()) {
      return misfit("more than its verdicts account for");
    }
    return std::nullopt;
  }
  Cursor cursor(Bytes(decided_.records).substr(bytes_));
  const std::optional<Bytes> record = take_record(cursor);
  if (!record) return misfit("half a record");
  while (run_ < decided_.runs.size() && run_count_ == decided_.runs[run_].count) {
    ++run_;
    run_count_ = 0;
  }
  if (run_ == decided_.runs.size()) return misfit("a record of no entry");
  const book::Run& run = decided_.runs[run_];

  Step step;
  step.stamp = {position(), Time{run.recorded.ns + run_count_}, run.rules};
  step.record = view_record(*record);
  const auto number = static_cast<uint8_t>(decided_.verdicts[count_]);
  step.duplicate = number == book::duplicate_mark;
  if (!step.duplicate) {
    const std::optional<book::Code> code = book::code_numbered(number);
    if (!code) return misfit("a verdict that is none");
    step.code = *code;
  }
  if (!step.duplicate && step.code != book::Code::ok) {
    if (details_ == decided_.details.size()) return misfit("a refusal without detail");
    step.detail = &decided_.details[details_++];
  }
  bytes_ = decided_.records.size() - cursor.rest().size();
  ++run_count_;
  ++count_;
  return step;
}

}  // namespace ledger::sql
