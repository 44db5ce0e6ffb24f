#include "sql/copy.h"

#include <array>
#include <cassert>
#include <concepts>
#include <type_traits>

namespace ledger::sql {
namespace {

/// From 1970 to 2000.
constexpr int64_t epoch_us = 946'684'800'000'000;

template <std::integral T>
void put_big(std::string& out, T value) {
  std::array<char, sizeof(T)> bytes;
  auto rest = static_cast<std::make_unsigned_t<T>>(value);
  for (size_t i = sizeof(T); i-- > 0;) {
    bytes[i] = static_cast<char>(rest & 0xff);
    if constexpr (sizeof(T) > 1) rest = static_cast<decltype(rest)>(rest >> 8);
  }
  out.append(bytes.data(), bytes.size());
}

template <std::integral T>
void put_field(std::string& out, T value) {
  put_big(out, static_cast<int32_t>(sizeof(T)));
  put_big(out, value);
}

void put_bytes(std::string& out, std::string_view prefix, std::string_view bytes) {
  put_big(out, static_cast<int32_t>(prefix.size() + bytes.size()));
  out += prefix;
  out += bytes;
}

void put_numeric(std::string& out, Int128 value) {
  const bool negative = value < 0;
  auto rest = static_cast<Uint128>(negative ? -value : value);
  std::array<int16_t, 10> digits;  // the least significant first
  int count = 0;
  for (; rest != 0; rest /= 10'000) {
    digits[static_cast<size_t>(count++)] = static_cast<int16_t>(rest % 10'000);
  }
  const int weight = count == 0 ? 0 : count - 1;
  int zeros = 0;
  while (zeros < count && digits[static_cast<size_t>(zeros)] == 0) ++zeros;
  put_big(out, static_cast<int32_t>(8 + 2 * (count - zeros)));
  put_big(out, static_cast<int16_t>(count - zeros));
  put_big(out, static_cast<int16_t>(weight));
  put_big(out, static_cast<int16_t>(negative ? 0x4000 : 0));
  put_big(out, int16_t{0});
  for (int i = count; i-- > zeros;) put_big(out, digits[static_cast<size_t>(i)]);
}

int64_t microseconds(int64_t ns) {
  return ns / 1000 - (ns % 1000 < 0 ? 1 : 0) - epoch_us;
}

void put_value(std::string& out, const Value& value, Type type) {
  if (std::holds_alternative<std::monostate>(value)) return put_big(out, int32_t{-1});
  switch (type) {
    case Type::offset:
      return put_field(out, std::get<int64_t>(value));
    case Type::integer:
      return put_field(out, static_cast<int32_t>(std::get<int64_t>(value)));
    case Type::small:
      return put_field(out, static_cast<int16_t>(std::get<int64_t>(value)));
    case Type::boolean:
      return put_field(out, static_cast<int8_t>(std::get<int64_t>(value)));
    case Type::amount:
      return put_numeric(out, std::get<Int128>(value));
    case Type::id:
      return put_bytes(out, "", std::get<Id>(value).view());
    case Type::time:
      return put_field(out, microseconds(std::get<int64_t>(value)));
    case Type::text:
    case Type::bytes:
      return put_bytes(out, "", std::get<std::string_view>(value));
    case Type::json:
      return put_bytes(out, "\x01", std::get<std::string_view>(value));
  }
}

}  // namespace

void put_copy_header(std::string& out) {
  out.append("PGCOPY\n\xff\r\n\0", 11);
  put_big(out, int32_t{0});
  put_big(out, int32_t{0});
}

void put_copy_row(std::string& out, const Table& table, std::span<const Value> row) {
  assert(row.size() == table.columns.size());
  put_big(out, static_cast<int16_t>(row.size()));
  for (size_t i = 0; i < row.size(); ++i) put_value(out, row[i], table.columns[i].type);
}

void put_copy_trailer(std::string& out) {
  put_big(out, int16_t{-1});
}

}  // namespace ledger::sql
