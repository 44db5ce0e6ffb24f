#include "base/int128.h"

#include <algorithm>

#include "base/ascii.h"

namespace ledger {

std::string encode_int128(Int128 value) {
  std::string out(16, '\0');
  auto bits = static_cast<Uint128>(value);
  for (size_t i = 16; i-- > 0; bits >>= 8) out[i] = static_cast<char>(bits & 0xff);
  // A leading byte is redundant where the next one already carries the sign.
  size_t first = 0;
  while (first < 15) {
    const bool next_negative = (static_cast<uint8_t>(out[first + 1]) & 0x80) != 0;
    const auto byte = static_cast<uint8_t>(out[first]);
    if (byte != (next_negative ? 0xff : 0x00)) break;
    ++first;
  }
  return out.substr(first);
}

std::optional<Int128> decode_int128(Bytes bytes) {
  if (bytes.empty() || bytes.size() > 16) return std::nullopt;
  const bool negative = (static_cast<uint8_t>(bytes.front()) & 0x80) != 0;
  if (bytes.size() > 1) {
    const bool next_negative = (static_cast<uint8_t>(bytes[1]) & 0x80) != 0;
    const auto byte = static_cast<uint8_t>(bytes.front());
    if (byte == (next_negative ? 0xff : 0x00)) return std::nullopt;
  }
  Uint128 bits = negative ? ~Uint128{0} : 0;
  for (const char byte : bytes) bits = bits << 8 | static_cast<uint8_t>(byte);
  const auto value = static_cast<Int128>(bits);
  if (value < int128_min) return std::nullopt;
  return value;
}

std::string format_integer(Int128 value) {
  return format_amount(value, 0);
}

std::string format_amount(Int128 value, unsigned scale) {
  std::string reversed;
  Uint128 rest = value < 0 ? static_cast<Uint128>(-value) : static_cast<Uint128>(value);
  do {
    reversed.push_back(static_cast<char>('0' + static_cast<int>(rest % 10)));
    rest /= 10;
  } while (rest != 0 || reversed.size() <= scale);
  if (scale > 0) reversed.insert(scale, 1, '.');
  if (value < 0) reversed.push_back('-');
  std::ranges::reverse(reversed);
  return reversed;
}

std::optional<Int128> parse_amount(std::string_view text, unsigned scale) {
  if (text.empty() || text.size() > 60) return std::nullopt;
  const bool negative = text.front() == '-';
  if (negative) text.remove_prefix(1);
  const size_t point = std::min(text.find('.'), text.size());
  const std::string_view whole = text.substr(0, point);
  const std::string_view fraction = point < text.size() ? text.substr(point + 1) : "";
  if (whole.empty() || (point < text.size() && fraction.empty()) || fraction.size() > scale) {
    return std::nullopt;
  }
  Int128 value = 0;
  const auto push = [&value](char c) {
    return is_digit(c) && !__builtin_mul_overflow(value, Int128{10}, &value) &&
           !__builtin_add_overflow(value, Int128{c - '0'}, &value);
  };
  if (!std::ranges::all_of(whole, push) || !std::ranges::all_of(fraction, push)) {
    return std::nullopt;
  }
  for (size_t i = fraction.size(); i < scale; ++i) {
    if (!push('0')) return std::nullopt;
  }
  return negative ? -value : value;
}

}  // namespace ledger
