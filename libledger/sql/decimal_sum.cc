#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <string>

#include "sql/sqlite.h"

namespace ledger::sql {
namespace {

/// 256 bits, two's complement, the lowest limb first: room for more amounts than a log can hold.
/// Of 64-bit limbs, since SQLite aligns what it hands out to 8 bytes only.
struct Wide {
  std::array<uint64_t, 4> limbs;

  bool negative() const { return limbs[3] >> 63 != 0; }
  bool zero() const { return limbs == std::array<uint64_t, 4>{}; }

  void add(const Wide& other) {
    Uint128 carry = 0;
    for (size_t i = 0; i < limbs.size(); ++i) {
      carry += Uint128{limbs[i]} + other.limbs[i];
      limbs[i] = static_cast<uint64_t>(carry);
      carry >>= 64;
    }
  }
  void negate() {
    for (uint64_t& limb : limbs) limb = ~limb;
    add({{1}});
  }
  /// Wraps; the caller bounds the digits.
  void push_digit(unsigned digit) {
    Uint128 carry = digit;
    for (uint64_t& limb : limbs) {
      carry += Uint128{limb} * 10;
      limb = static_cast<uint64_t>(carry);
      carry >>= 64;
    }
  }
  /// Of a positive number: takes the last digit off.
  unsigned pop_digit() {
    Uint128 rest = 0;
    for (size_t i = limbs.size(); i-- > 0;) {
      rest = rest << 64 | limbs[i];
      limbs[i] = static_cast<uint64_t>(rest / 10);
      rest %= 10;
    }
    return static_cast<unsigned>(rest);
  }
};

constexpr size_t digits_max = 60;

/// A sum under way. SQLite hands it out zeroed, which is a sum of nothing.
struct Sum {
  Wide value;
  size_t decimals;  ///< The most that any row had.
  int64_t rows;
  bool broken;

  void rescale(size_t to) {
    for (; decimals < to; ++decimals) value.push_digit(0);
  }
};

/// Adds the number, or takes it away again. False for what is no decimal number.
bool add(Sum& sum, std::string_view text, bool inverse) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  const size_t point = std::min(text.find('.'), text.size());
  const size_t decimals = point == text.size() ? 0 : text.size() - point - 1;
  if (point == 0 || text.size() > digits_max || text.ends_with('.')) return false;
  Wide number{};
  for (size_t i = 0; i < text.size(); ++i) {
    if (i == point) continue;
    if (text[i] < '0' || text[i] > '9') return false;
    number.push_digit(static_cast<unsigned>(text[i] - '0'));
  }
  sum.rescale(decimals);
  for (size_t i = decimals; i < sum.decimals; ++i) number.push_digit(0);
  if (negative != inverse) number.negate();
  sum.value.add(number);
  sum.rows += inverse ? -1 : 1;
  return true;
}

std::string format(const Sum& sum) {
  Wide rest = sum.value;
  const bool negative = rest.negative();
  if (negative) rest.negate();
  std::string reversed;
  do {
    reversed += static_cast<char>('0' + rest.pop_digit());
  } while (!rest.zero() || reversed.size() <= sum.decimals);
  if (sum.decimals > 0) reversed.insert(sum.decimals, 1, '.');
  if (negative) reversed += '-';
  std::ranges::reverse(reversed);
  return reversed;
}

void take(sqlite3_context* context, sqlite3_value* argument, bool inverse) {
  auto* sum = static_cast<Sum*>(sqlite3_aggregate_context(context, sizeof(Sum)));
  if (sum == nullptr) return sqlite3_result_error_nomem(context);
  if (sqlite3_value_type(argument) == SQLITE_NULL) return;
  const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(argument));
  if (text == nullptr) return sqlite3_result_error_nomem(context);
  if (!add(*sum, {text, size_t(sqlite3_value_bytes(argument))}, inverse)) sum->broken = true;
  if (sum->broken) sqlite3_result_error(context, "decimal_sum: not a decimal number", -1);
}

void give(sqlite3_context* context) {
  const auto* sum = static_cast<Sum*>(sqlite3_aggregate_context(context, 0));
  if (sum == nullptr || sum->rows == 0) return sqlite3_result_null(context);
  if (sum->broken) return sqlite3_result_error(context, "decimal_sum: not a decimal number", -1);
  const std::string text = format(*sum);
  sqlite3_result_text64(context, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
}

}  // namespace

int register_decimal_sum(sqlite3* database) {
  return sqlite3_create_window_function(
      database, "decimal_sum", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS, nullptr,
      [](sqlite3_context* context, int, sqlite3_value** arguments) {
        take(context, arguments[0], false);
      },
      give, give,
      [](sqlite3_context* context, int, sqlite3_value** arguments) {
        take(context, arguments[0], true);
      },
      nullptr);
}

}  // namespace ledger::sql
