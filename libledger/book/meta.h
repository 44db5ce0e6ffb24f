// What may stand in a record's meta: JSON that any of our databases can hold.
#pragma once

#include <optional>
#include <string>

#include "base/types.h"

namespace ledger::book {

constexpr size_t meta_depth_max = 16;
constexpr size_t meta_number_bytes_max = 32;
constexpr size_t meta_exponent_digits_max = 3;

/// Why `meta` is not what may enter the log, or nothing if it may: a JSON object (RFC 8259, UTF-8)
/// without duplicate names, `\u0000` or lone surrogate escapes, the outermost object having depth 1
/// of at most 16, a number having at most 32 characters and an exponent of at most 3 digits. Those
/// limits are what PostgreSQL's `jsonb` can't hold, or would hold otherwise than we wrote it.
///
/// A sentence's end, such as `has a name twice at byte 17`. Length is not judged here.
std::optional<std::string> meta_fault(Bytes meta);

}  // namespace ledger::book
