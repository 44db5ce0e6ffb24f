// Chance that repeats: the same seed draws the same numbers, on every machine.
#pragma once

#include <cassert>
#include <cstring>

#include "io/clock.h"

namespace ledger::io {

/// For tests and the simulator only: whoever sees a few numbers knows the rest.
///
/// Source: SplitMix64, Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators",
/// OOPSLA 2014. Threads: one at a time.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(uint64_t seed) : state_(seed) {}

  /// Uniform over all 64 bits.
  uint64_t next() {
    state_ += 0x9e3779b97f4a7c15;
    uint64_t mixed = state_;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    return mixed ^ (mixed >> 31);
  }

  /// 0 to `end` - 1. The bias of the remainder is below 2^-32 for every `end` a test would use.
  uint64_t below(uint64_t end) {
    assert(end > 0);
    return next() % end;
  }

  void fill(std::span<uint8_t> bytes) override {
    while (!bytes.empty()) {
      const uint64_t drawn = next();
      const size_t count = bytes.size() < sizeof drawn ? bytes.size() : sizeof drawn;
      std::memcpy(bytes.data(), &drawn, count);
      bytes = bytes.subspan(count);
    }
  }

 private:
  uint64_t state_;
};

}  // namespace ledger::io
