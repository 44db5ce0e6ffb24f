#pragma once

#include <cstdint>

namespace serf {

/// A logical clock. (Lamport, "Time, Clocks, and the Ordering of Events", CACM 1978; spec 11.1.)
class Lamport {
 public:
  uint64_t time() const { return time_; }

  /// The time, which then moves on.
  uint64_t stamp() { return time_++; }

  /// Moves past a time that was seen. One near the end of the range is not followed, so that nobody
  /// can wind the clock round.
  void witness(uint64_t seen) {
    if (seen >= time_ && seen < UINT64_MAX / 2) time_ = seen + 1;
  }

 private:
  uint64_t time_ = 1;
};

}  // namespace serf
