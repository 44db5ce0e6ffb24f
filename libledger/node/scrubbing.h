// How fast the sealed segments are read through, so that damage is found while peers can repair it.
#pragma once

#include <algorithm>
#include <optional>

#include "io/disk.h"
#include "log/scrub.h"

namespace ledger::node {

/// Paces log::Scrub: about one round in `round`, a slice at a time, each so small that who writes
/// to the same disk does not notice.
///
/// Threads: one at a time, of any.
class Scrubbing {
 public:
  static constexpr uint64_t slice_bytes = 256 << 10;
  /// However large the log is: 256 MiB/s, and the disk has time for others.
  static constexpr Duration pause_min = std::chrono::milliseconds(1);
  /// However small it is.
  static constexpr Duration pause_max = std::chrono::minutes(10);

  /// `disk` must outlive it. The first slice is due a pause after `now`.
  Scrubbing(io::Disk& disk, Duration round, Instant now, uint64_t log_bytes)
      : scrub_(disk), round_(round), next_(now + pause(log_bytes)) {}

  /// When the next slice is due.
  Instant next() const { return next_; }

  /// Reads the next slice, if it is due. Errors: of reading, as those of log::Scrub::step.
  Result<std::optional<log::Damage>> step(Instant now, uint64_t log_bytes) {
    if (now < next_) return std::nullopt;
    next_ = now + pause(log_bytes);
    return TRY(scrub_.step(slice_bytes)).damage;
  }

 private:
  Duration pause(uint64_t log_bytes) const {
    const auto slices = static_cast<int64_t>(log_bytes / slice_bytes + 1);
    return std::clamp<Duration>(round_ / slices, pause_min, pause_max);
  }

  log::Scrub scrub_;
  const Duration round_;
  Instant next_;
};

}  // namespace ledger::node
