// Little-endian integers and varints in byte strings: the alphabet of our own formats.
#pragma once

#include <bit>
#include <concepts>
#include <cstring>
#include <optional>
#include <string>

#include "base/types.h"

namespace ledger {

static_assert(std::endian::native == std::endian::little, "our formats are little-endian");

/// Writes `value` at `to`, which must have room.
template <std::integral T>
void store(char* to, T value) {
  std::memcpy(to, &value, sizeof value);
}

/// Reads a T at `from`, which must have that many bytes.
template <std::integral T>
T load(const char* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

/// Appends `value` to `out`.
template <std::integral T>
void put(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

/// Appends `value` as a protobuf varint in its shortest form.
inline void put_varint(std::string& out, uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}

/// How many bytes `put_varint` appends.
constexpr size_t varint_bytes(uint64_t value) {
  size_t count = 1;
  while (value >= 0x80) {
    value >>= 7;
    ++count;
  }
  return count;
}

/// Takes untrusted bytes from the front, and says so when there are not enough.
class Cursor {
 public:
  explicit Cursor(Bytes bytes) : rest_(bytes) {}

  Bytes rest() const { return rest_; }
  bool empty() const { return rest_.empty(); }

  template <std::integral T>
  std::optional<T> take() {
    if (rest_.size() < sizeof(T)) return std::nullopt;
    T value = load<T>(rest_.data());
    rest_.remove_prefix(sizeof(T));
    return value;
  }

  std::optional<Bytes> take_bytes(size_t count) {
    if (rest_.size() < count) return std::nullopt;
    Bytes taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }

  /// A varint in its shortest form; a longer form of the same value is refused.
  std::optional<uint64_t> take_varint() {
    uint64_t value = 0;
    for (size_t i = 0; i < rest_.size() && i < 10; ++i) {
      const auto byte = static_cast<uint8_t>(rest_[i]);
      if (i == 9 && byte > 1) return std::nullopt;
      value |= uint64_t{byte & 0x7fu} << (7 * i);
      if (byte < 0x80) {
        if (byte == 0 && i > 0) return std::nullopt;
        rest_.remove_prefix(i + 1);
        return value;
      }
    }
    return std::nullopt;
  }

 private:
  Bytes rest_;
};

}  // namespace ledger
