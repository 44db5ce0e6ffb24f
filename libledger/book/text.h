// What text may stand in a record: UTF-8, names, memos.
#pragma once

#include "base/types.h"

namespace ledger::book {

/// Well-formed UTF-8 (Unicode 15, table 3-7): no over-long form, no surrogate, at most U+10FFFF.
bool is_utf8(Bytes text);

/// No U+0000 to U+001F and no U+007F.
bool is_printable(Bytes text);

/// `[A-Z][A-Z0-9]{0,15}`
bool is_asset_code(Bytes text);

/// 1 to 8 parts of `[a-z0-9][a-z0-9-]*` joined by `:`, at most 128 bytes.
bool is_account_name(Bytes text);

constexpr size_t asset_code_bytes_max = 16;
constexpr size_t account_name_bytes_max = 128;
constexpr size_t account_name_parts_max = 8;

}  // namespace ledger::book
