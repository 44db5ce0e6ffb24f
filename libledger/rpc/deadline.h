// How long a client may still wait.
#pragma once

#include <grpc/support/time.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>

#include "rpc/client.h"

namespace ledger::rpc {

/// A Patience that has begun. On the monotonic clock. Threads: any.
class Deadline {
 public:
  explicit Deadline(const Patience& patience) : patience_(patience), begun_(Steady::now()) {}

  /// Something came, or a wait begins: a wait for progress begins anew.
  void progress() {
    const std::lock_guard lock(mutex_);
    if (patience_.kind == Patience::Kind::progress) begun_ = Steady::now();
  }

  bool endless() const { return patience_.kind == Patience::Kind::endless; }
  Duration limit() const { return patience_.limit; }

  /// Zero once it has passed. Endless: very long.
  Duration left() const {
    if (endless()) return std::chrono::hours(24);
    const std::lock_guard lock(mutex_);
    return std::max(Duration::zero(), patience_.limit - (Steady::now() - begun_));
  }
  bool passed() const { return left() == Duration::zero(); }

  /// Waits for `time`, or what is left.
  void pause(Duration time) const {
    std::unique_lock lock(pause_mutex_);
    pause_.wait_for(lock, std::min(time, left()));
  }

 private:
  using Steady = std::chrono::steady_clock;

  const Patience patience_;
  mutable std::mutex mutex_;
  Steady::time_point begun_;
  mutable std::mutex pause_mutex_;
  mutable std::condition_variable pause_;  ///< Never notified.
};

/// As gRPC takes it for a call.
inline gpr_timespec call_deadline(Duration from_now) {
  return gpr_time_from_nanos(from_now.count(), GPR_TIMESPAN);
}

/// `5s`, `250ms`.
inline std::string duration_text(Duration duration) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
  return ms % 1000 == 0 ? std::to_string(ms / 1000) + "s" : std::to_string(ms) + "ms";
}

}  // namespace ledger::rpc
