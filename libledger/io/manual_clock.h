// A clock that stands still until a test moves it.
#pragma once

#include "io/clock.h"

namespace ledger::io {

/// For tests and the simulator. Threads: one at a time.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(Time wall = {.ns = 1'767'225'600'000'000'000}) : wall_(wall) {}

  Instant now() override { return now_; }
  Time wall() override { return wall_; }

  /// Time passes, on both clocks.
  void advance(Duration duration) {
    now_ = now_ + duration;
    wall_ = wall_ + duration;
  }

  /// Somebody sets the clock on the wall.
  void set_wall(Time wall) { wall_ = wall; }

 private:
  Instant now_ = {.ns = 1};
  Time wall_;
};

}  // namespace ledger::io
