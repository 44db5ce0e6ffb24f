#include "sql/cells.h"

#include <cassert>
#include <cstring>

#include "base/time.h"

namespace ledger::sql {
namespace {

constexpr char digits[] = "0123456789abcdef";
constexpr int64_t second_ns = 1'000'000'000;

int64_t floor_to(int64_t value, int64_t step) {
  const int64_t rest = value % step;
  return value - (rest < 0 ? rest + step : rest);
}

}  // namespace

void write_id(char* to, const Id& id) {
  for (size_t i = 0; i < id.bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) *to++ = '-';
    *to++ = digits[id.bytes[i] >> 4];
    *to++ = digits[id.bytes[i] & 15];
  }
}

void TimeWriter::write(char* to, Time time) {
  // The very first second of the range has no whole beginning.
  const bool whole = time.ns >= INT64_MIN + second_ns;
  const int64_t second = whole ? floor_to(time.ns, second_ns) : INT64_MIN;
  if (!whole || second != second_) {
    const std::string text = format_time_full(time);
    assert(text.size() == time_text_bytes);
    std::memcpy(prefix_, text.data(), sizeof prefix_);
    second_ = second;
    std::memcpy(to, text.data(), text.size());
    return;
  }
  std::memcpy(to, prefix_, sizeof prefix_);
  int64_t rest = time.ns - second;
  for (size_t i = time_text_bytes - 2; i >= sizeof prefix_; --i, rest /= 10) {
    to[i] = static_cast<char>('0' + rest % 10);
  }
  to[time_text_bytes - 1] = 'Z';
}

std::string hex(Bytes bytes) {
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char byte : bytes) {
    out += digits[static_cast<uint8_t>(byte) >> 4];
    out += digits[static_cast<uint8_t>(byte) & 15];
  }
  return out;
}

std::string cell(const Value& value, Type type, Duration resolution) {
  switch (type) {
    case Type::offset:
    case Type::integer:
    case Type::small:
      return std::to_string(std::get<int64_t>(value));
    case Type::boolean:
      return std::get<int64_t>(value) != 0 ? "true" : "false";
    case Type::amount:
      return format_integer(std::get<Int128>(value));
    case Type::id:
      return std::get<Id>(value).text();
    case Type::time: {
      std::string text = format_time_full({floor_to(std::get<int64_t>(value), resolution.count())});
      if (resolution > Duration(1)) text.erase(text.size() - 4, 3);
      return text;
    }
    case Type::text:
    case Type::json:
      return std::string(std::get<std::string_view>(value));
    case Type::bytes:
      return hex(std::get<std::string_view>(value));
  }
  return {};
}

}  // namespace ledger::sql
