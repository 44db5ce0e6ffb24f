// Signed 128-bit integers: money in minor units.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/types.h"

namespace ledger {

__extension__ using Int128 = __int128;
__extension__ using Uint128 = unsigned __int128;

/// 2^127 - 1, and its negative. -2^127 is never a value, so that negation never overflows.
constexpr Int128 int128_max = static_cast<Int128>(~Uint128{0} >> 1);
constexpr Int128 int128_min = -int128_max;

/// Two's complement, big-endian, in the shortest form of 1 to 16 bytes.
std::string encode_int128(Int128 value);

/// The value of the shortest form; nothing for a longer form, no bytes, more than 16 or -2^127.
std::optional<Int128> decode_int128(Bytes bytes);

/// Decimal digits, `-` in front of negatives.
std::string format_integer(Int128 value);

/// `value` minor units with exactly `scale` decimals: -5000 at scale 2 is `-50.00`.
std::string format_amount(Int128 value, unsigned scale);

/// Exact or nothing: `-?[0-9]+(\.[0-9]+)?`, at most 60 characters, at most `scale` decimals,
/// within range. Whether a sign or zero makes sense is the caller's question.
std::optional<Int128> parse_amount(std::string_view text, unsigned scale);

}  // namespace ledger
