// Civil time as text: RFC 3339, UTC, nanoseconds.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/types.h"

namespace ledger {

/// `2026-01-01T00:00:21Z`, with up to nine decimals, those that are needed.
std::string format_time(Time time);

/// `2026-01-01T00:00:21.000000000Z`, always nine decimals: sorts as text.
std::string format_time_full(Time time);

/// An RFC 3339 time with any offset and up to nine decimals, or a date alone (midnight UTC).
/// Nothing for what is neither, is no real date, or lies outside 1678 to 2261.
std::optional<Time> parse_time(std::string_view text);

}  // namespace ledger
