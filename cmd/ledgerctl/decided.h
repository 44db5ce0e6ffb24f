// Walking over decided records.
#pragma once

#include "base/record.h"
#include "book/verdict.h"
#include "cli/failure.h"

namespace ledger::cli {

/// One record of a batch. Borrowed from it.
struct DecidedRecord {
  Offset offset;
  Time recorded;
  Term term;
  Bytes bytes;  ///< Without the size.
  book::Code code = book::Code::ok;
  bool duplicate = false;
  const book::Detail* detail = nullptr;  ///< Of a refusal, where the batch has details.
  Offset as_of;                          ///< What the source had decided.

  bool counts() const { return code == book::Code::ok && !duplicate; }
  std::string_view verdict() const { return duplicate ? "duplicate" : name(code); }
};

/// Calls `visit(const DecidedRecord&) -> Result<bool>` for each record until one answers false;
/// whether all were visited. A batch from the network has been checked by the client.
template <class Visit>
Checked<bool> each_record(const book::Decided& decided, Visit visit) {
  Cursor cursor(decided.records);
  DecidedRecord record;
  record.offset = decided.first;
  record.as_of = decided.as_of;
  size_t refusals = 0;
  for (const book::Run& run : decided.runs) {
    for (uint32_t i = 0; i < run.count; ++i, ++record.offset) {
      const std::optional<Bytes> bytes = take_record(cursor);
      const auto verdict = static_cast<uint8_t>(decided.verdicts.at(record.offset - decided.first));
      record.duplicate = verdict == book::duplicate_mark;
      const std::optional<book::Code> code =
          record.duplicate ? book::Code::ok : book::code_numbered(verdict);
      if (!bytes || !code) {
        return fail(Code::protocol_mismatch,
                    "offset " + std::to_string(record.offset.value) +
                        ": a record or verdict that this version does not know",
                    "upgrade ledgerctl");
      }
      record.recorded = Time{run.recorded.ns + i};
      record.term = run.term;
      record.bytes = *bytes;
      record.code = *code;
      record.detail = nullptr;
      if (*code != book::Code::ok && refusals < decided.details.size()) {
        record.detail = &decided.details[refusals++];
      }
      if (!TRY(visit(static_cast<const DecidedRecord&>(record)))) return false;
    }
  }
  return true;
}

}  // namespace ledger::cli
