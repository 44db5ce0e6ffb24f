// The machine's own time and chance.
#pragma once

#include "io/clock.h"

namespace ledger::io {

/// CLOCK_BOOTTIME and CLOCK_REALTIME. Threads: any.
class SystemClock final : public Clock {
 public:
  Instant now() override;
  Time wall() override;
};

/// The kernel's generator (getrandom), once it is seeded. Threads: any.
class SystemRandom final : public Random {
 public:
  void fill(std::span<uint8_t> bytes) override;
};

}  // namespace ledger::io
