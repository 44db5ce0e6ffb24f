// The words every room shares. A different thing has a different type.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <string_view>

namespace ledger {

/// Borrowed bytes. `char`, because protobuf, gRPC, SQLite and libpq all speak it.
using Bytes = std::string_view;

/// A count of something, that does not mix with counts of other things.
template <class Tag>
struct Number {
  uint64_t value = 0;

  constexpr Number() = default;
  constexpr explicit Number(uint64_t number) : value(number) {}

  friend constexpr auto operator<=>(Number, Number) = default;
  constexpr Number operator+(uint64_t count) const { return Number(value + count); }
  constexpr Number operator-(uint64_t count) const { return Number(value - count); }
  constexpr uint64_t operator-(Number other) const { return value - other.value; }
  constexpr Number& operator++() {
    ++value;
    return *this;
  }

  template <class H>
  friend H AbslHashValue(H h, Number number) {
    return H::combine(std::move(h), number.value);
  }
};

/// Position of an entry in the consensus log, from 1. 0 is "before the first".
using Index = Number<struct IndexTag>;
/// Term of a leader, from 1. 0 is "none yet".
using Term = Number<struct TermTag>;
/// Position of a record in the ledger log, from 0, gapless; unknown to consensus.
using Offset = Number<struct OffsetTag>;
/// A member's identity in the consensus: random, non-zero, drawn once per data directory.
using MemberId = Number<struct MemberIdTag>;

/// Offsets end here: the id index packs them into 36 bits.
constexpr uint64_t offset_max = (uint64_t{1} << 36) - 1;

using Duration = std::chrono::nanoseconds;

/// A point on the monotonic clock: for timeouts, never stored, never sent.
struct Instant {
  int64_t ns = 0;

  friend constexpr auto operator<=>(Instant, Instant) = default;
  constexpr Instant operator+(Duration d) const { return {ns + d.count()}; }
  constexpr Duration operator-(Instant other) const { return Duration(ns - other.ns); }
};

/// A point in civil time: nanoseconds since 1970-01-01T00:00:00Z. Stored and sent; orders nothing.
struct Time {
  int64_t ns = 0;

  friend constexpr auto operator<=>(Time, Time) = default;
  constexpr Time operator+(Duration d) const { return {ns + d.count()}; }
  constexpr Duration operator-(Time other) const { return Duration(ns - other.ns); }
};

/// What the log knows of a record besides its bytes.
struct Stamp {
  Offset offset;
  Time recorded;      ///< The leader's clock; strictly increasing with the offset.
  uint8_t rules = 1;  ///< Version of the accounting rules it is decided under.

  friend constexpr auto operator<=>(const Stamp&, const Stamp&) = default;
};

}  // namespace ledger
