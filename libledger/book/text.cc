#include "book/text.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "base/ascii.h"

namespace ledger::book {
namespace {

/// Bytes of the well-formed sequence at the front of `text`, which is not empty; 0 if there is
/// none.
size_t sequence_bytes(Bytes text) {
  const auto byte = [&](size_t i) {
    return i < text.size() ? static_cast<uint8_t>(text[i]) : uint8_t{0};
  };
  const auto in = [&](size_t i, uint8_t low, uint8_t high) {
    return byte(i) >= low && byte(i) <= high;
  };
  const auto tail = [&](size_t i) { return in(i, 0x80, 0xbf); };
  if (in(0, 0x00, 0x7f)) return 1;
  if (in(0, 0xc2, 0xdf)) return tail(1) ? 2 : 0;
  if (in(0, 0xe0, 0xef)) {
    const uint8_t low = byte(0) == 0xe0 ? 0xa0 : 0x80;   // lower would be over-long
    const uint8_t high = byte(0) == 0xed ? 0x9f : 0xbf;  // higher would be a surrogate
    return in(1, low, high) && tail(2) ? 3 : 0;
  }
  if (in(0, 0xf0, 0xf4)) {
    const uint8_t low = byte(0) == 0xf0 ? 0x90 : 0x80;
    const uint8_t high = byte(0) == 0xf4 ? 0x8f : 0xbf;  // higher would be above U+10FFFF
    return in(1, low, high) && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

}  // namespace

bool is_utf8(Bytes text) {
  while (!text.empty()) {
    const size_t bytes = sequence_bytes(text);
    if (bytes == 0) return false;
    text.remove_prefix(bytes);
  }
  return true;
}

bool is_printable(Bytes text) {
  return std::ranges::none_of(text, [](char c) {
    const auto byte = static_cast<uint8_t>(c);
    return byte < 0x20 || byte == 0x7f;
  });
}

bool is_asset_code(Bytes text) {
  return !text.empty() && text.size() <= asset_code_bytes_max && is_upper(text.front()) &&
         std::ranges::all_of(text, [](char c) { return is_upper(c) || is_digit(c); });
}

bool is_account_name(Bytes text) {
  if (text.empty() || text.size() > account_name_bytes_max) return false;
  size_t parts = 1;
  bool at_start = true;
  for (const char c : text) {
    const bool letter = is_lower(c) || is_digit(c);
    if (c == ':' ? at_start : !letter && (c != '-' || at_start)) return false;
    at_start = c == ':';
    parts += at_start;
  }
  return !at_start && parts <= account_name_parts_max;
}

}  // namespace ledger::book
