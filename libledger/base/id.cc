#include "base/id.h"

#include <algorithm>

#include "base/ascii.h"

namespace ledger {
namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

constexpr bool hyphen_at(size_t i) {
  return i == 8 || i == 13 || i == 18 || i == 23;
}

}  // namespace

bool Id::valid() const {
  const auto is = [](uint8_t value) { return [value](uint8_t byte) { return byte == value; }; };
  return !std::ranges::all_of(bytes, is(0x00)) && !std::ranges::all_of(bytes, is(0xff));
}

std::string Id::text() const {
  std::string out;
  out.reserve(36);
  for (const uint8_t byte : bytes) {
    if (hyphen_at(out.size())) out.push_back('-');
    out.push_back(hex_digits[byte >> 4]);
    out.push_back(hex_digits[byte & 15]);
  }
  return out;
}

std::optional<Id> id_from_bytes(Bytes bytes) {
  if (bytes.size() != 16) return std::nullopt;
  return Id::load(bytes.data());
}

std::optional<Id> parse_id(std::string_view text) {
  if (text.size() != 36) return std::nullopt;
  Id id;
  size_t digit = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (hyphen_at(i)) {
      if (text[i] != '-') return std::nullopt;
      continue;
    }
    const int value = hex_digit(text[i]);
    if (value < 0) return std::nullopt;
    id.bytes[digit / 2] = static_cast<uint8_t>(id.bytes[digit / 2] << 4 | value);
    ++digit;
  }
  return id;
}

Id make_id(Time now, const std::array<uint8_t, 10>& random) {
  Id id;
  const uint64_t ms = static_cast<uint64_t>(now.ns) / 1'000'000;
  for (size_t i = 0; i < 6; ++i) id.bytes[i] = static_cast<uint8_t>(ms >> (40 - 8 * i));
  std::ranges::copy(random, id.bytes.begin() + 6);
  id.bytes[6] = static_cast<uint8_t>(0x70 | (id.bytes[6] & 0x0f));
  id.bytes[8] = static_cast<uint8_t>(0x80 | (id.bytes[8] & 0x3f));
  return id;
}

std::string member_text(MemberId id) {
  std::string text(16, '0');
  for (size_t i = 0; i < text.size(); ++i) {
    text[text.size() - 1 - i] = hex_digits[id.value >> (4 * i) & 15];
  }
  return text;
}

}  // namespace ledger
