// What must be true of a target before anything is written to it or compared with it.
#pragma once

#include <memory>
#include <optional>

#include "book/book.h"
#include "history/source.h"
#include "sql/target.h"

namespace ledger::sql {

/// Whether `watermark` is of this replay and this cluster. Errors: `database_mismatch`.
Result<void> check_label(const Target& target, const Watermark& watermark, const std::string& name,
                         const Id& cluster);

/// The same, and whether it is of this history. `end` is the source's. Errors: `history_mismatch`
/// too.
Result<void> check_watermark(const Target& target, const Watermark& watermark,
                             const std::string& name, history::Source& source, Offset end);

/// The state that the target's own tables hold, as of its watermark; within a transaction. Errors:
/// `replica_changed` where the rows do not have the digest that was stored with them.
Result<book::Book> load_book(Target& target, const Watermark& watermark);

}  // namespace ledger::sql
