// Classes of ASCII characters.
#pragma once

namespace ledger {

/// `0` to `9`; like the others false for every byte beyond ASCII, and whatever the locale is.
constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
/// `a` to `z`.
constexpr bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}
/// `A` to `Z`.
constexpr bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}

}  // namespace ledger
