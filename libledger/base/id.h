// Ids: 16 bytes, a UUID. The id of a write is its idempotency key.
#pragma once

#include <array>
#include <bit>
#include <compare>
#include <cstring>
#include <optional>
#include <string>

#include "base/types.h"

namespace ledger {

/// A UUID of any version. All-zero and all-one are no ids (`valid`).
struct Id {
  std::array<uint8_t, 16> bytes{};

  friend constexpr auto operator<=>(const Id&, const Id&) = default;
  /// Two comparisons instead of a call: ids are compared more often than anything else.
  friend constexpr bool operator==(const Id& a, const Id& b) {
    using Halves = std::array<uint64_t, 2>;
    const auto x = std::bit_cast<Halves>(a.bytes);
    const auto y = std::bit_cast<Halves>(b.bytes);
    return x[0] == y[0] && x[1] == y[1];
  }

  /// The id in the first 16 of `from`, which must have them.
  static Id load(const char* from) {
    Id id;
    std::memcpy(id.bytes.data(), from, id.bytes.size());
    return id;
  }

  /// Borrows the 16 bytes.
  Bytes view() const { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

  /// Neither all-zero nor all-one.
  bool valid() const;

  /// Lower-case with hyphens: `0192f0c4-7a10-7c00-8000-4b5a5e9d1c0a`.
  std::string text() const;

  template <class H>
  friend H AbslHashValue(H h, const Id& id) {
    return H::combine(std::move(h), load_half(id, 0), load_half(id, 8));
  }

 private:
  static uint64_t load_half(const Id& id, size_t at) {
    uint64_t half;
    std::memcpy(&half, id.bytes.data() + at, sizeof half);
    return half;
  }
};

/// An id from exactly 16 bytes.
std::optional<Id> id_from_bytes(Bytes bytes);

/// An id from its text form, hyphens where they belong, either case.
std::optional<Id> parse_id(std::string_view text);

/// A version 7 UUID (RFC 9562): 48 bits of milliseconds from `now`, the rest from `random`.
Id make_id(Time now, const std::array<uint8_t, 10>& random);

/// A member's id as people see and type it: 16 digits, hexadecimal.
std::string member_text(MemberId id);

}  // namespace ledger
