// Time and chance, as arguments: only `node` and the programs own real ones.
#pragma once

#include <span>

#include "base/types.h"

namespace ledger::io {

/// Threads: any.
class Clock {
 public:
  virtual ~Clock() = default;

  /// Monotonic, for timeouts. Goes on while the machine sleeps (CLOCK_BOOTTIME).
  virtual Instant now() = 0;

  /// Civil time, which may jump. No safety depends on it.
  virtual Time wall() = 0;
};

/// Unpredictable bytes: identities, ids, election timeouts. Threads: any.
class Random {
 public:
  virtual ~Random() = default;
  virtual void fill(std::span<uint8_t> bytes) = 0;

  /// A uniformly drawn non-zero number.
  uint64_t number();
};

}  // namespace ledger::io
