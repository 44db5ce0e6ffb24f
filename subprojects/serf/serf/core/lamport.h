#pragma once

#include <cstdint>

namespace serf {

/// A logical clock. (Lamport, "Time, Clocks, and the Ordering of Events", CACM 1978; spec 11.1.)
class Lamport {
 public:
  uint64_t time() const { return time_; }

  /// The time, which then moves on.
  uint64_t stamp() { return time_++; }

  /// Moves past a time that was seen. One far beyond what can be true is not followed, so that
  /// nobody can wind the clock round: then it is false, and the message should be dropped.
  bool witness(uint64_t seen) {
    if (seen >= UINT64_MAX / 2) return false;
    if (seen >= time_) time_ = seen + 1;
    return true;
  }

 private:
  uint64_t time_ = 1;
};

}  // namespace serf
