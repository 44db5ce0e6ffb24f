// How long things took: counted, not kept.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "base/types.h"

namespace ledger {

/// Counts of durations in buckets, each a sixteenth of its power of two wide: what is read from it
/// is off by 3 % at most. 64 ns to 18 minutes; what is outside counts as the nearest.
///
/// A value: the owner adds, and hands out copies. Threads: one.
class Histogram {
 public:
  void add(Duration took) {
    const uint64_t ns = took.count() < 0 ? 0 : static_cast<uint64_t>(took.count());
    ++counts_[bucket(ns)];
    ++count_;
    sum_ns_ += ns;
  }
  void add(const Histogram& other);

  /// What was added since `earlier`, an earlier copy of this one.
  Histogram since(const Histogram& earlier) const;

  uint64_t count() const { return count_; }
  Duration sum() const { return Duration(static_cast<int64_t>(sum_ns_)); }
  /// How many took less than 2^`exponent` nanoseconds: exact, for exponents from 6 to 40.
  uint64_t count_below(unsigned exponent) const;
  /// What a part of `q`, from 0 to 1, did not exceed; 0 where nothing was added.
  Duration quantile(double q) const;
  /// The lengths of the bucket that holds `took`: from, and the first beyond it.
  static std::pair<Duration, Duration> bounds(size_t bucket);

  static constexpr size_t buckets = 16 + 16 * 30;
  uint64_t in_bucket(size_t bucket) const { return counts_[bucket]; }

 private:
  static constexpr unsigned unit_bits = 6;   ///< Lengths are told apart from 64 ns on.
  static constexpr unsigned parts_bits = 4;  ///< Of a power of two.

  static size_t bucket(uint64_t ns) {
    const uint64_t units = ns >> unit_bits;
    if (units < 1u << parts_bits) return units;
    const auto exponent = static_cast<unsigned>(std::bit_width(units)) - 1 - parts_bits;
    const size_t at = ((exponent + 1) << parts_bits) + ((units >> exponent) & 15);
    return at < buckets ? at : buckets - 1;
  }

  std::array<uint64_t, buckets> counts_{};
  uint64_t count_ = 0;
  uint64_t sum_ns_ = 0;
};

}  // namespace ledger
