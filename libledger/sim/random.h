// Chance that can be repeated: everything a simulation draws comes from one seed.
#pragma once

#include <cassert>
#include <cstdint>

#include "base/types.h"

namespace ledger::sim {

/// xoshiro256** seeded by SplitMix64 (Blackman and Vigna 2018). The same on every machine, which
/// the distributions of <random> are not.
class Random {
 public:
  explicit Random(uint64_t seed) {
    for (uint64_t& word : state_) {
      seed += 0x9e3779b97f4a7c15;
      uint64_t mixed = (seed ^ (seed >> 30)) * 0xbf58476d1ce4e5b9;
      mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
      word = mixed ^ (mixed >> 31);
    }
  }

  uint64_t next() {
    const uint64_t result = rotate(state_[1] * 5, 7) * 9;
    const uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = rotate(state_[3], 45);
    return result;
  }

  /// One of 0 to end - 1.
  uint64_t below(uint64_t end) {
    assert(end > 0);
    return next() % end;
  }
  /// One of first to last.
  uint64_t between(uint64_t first, uint64_t last) {
    assert(first <= last);
    return first + below(last - first + 1);
  }
  Duration between(Duration shortest, Duration longest) {
    return Duration(static_cast<int64_t>(
        between(static_cast<uint64_t>(shortest.count()), static_cast<uint64_t>(longest.count()))));
  }
  /// Zero in half of all cases.
  Duration sometimes(Duration shortest, Duration longest) {
    return coin() ? Duration() : between(shortest, longest);
  }
  /// True in so many of a million cases.
  bool chance(uint32_t ppm) { return below(1'000'000) < ppm; }
  bool coin() { return (next() & 1) != 0; }

  template <class Range>
  auto& pick(Range& range) {
    return range[below(range.size())];
  }

 private:
  static uint64_t rotate(uint64_t word, int by) { return (word << by) | (word >> (64 - by)); }
  uint64_t state_[4];
};

}  // namespace ledger::sim
