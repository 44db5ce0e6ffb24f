#include "node/pace.h"

#include <algorithm>

namespace ledger::node {
namespace {

constexpr uint64_t second_ns = 1'000'000'000;
static_assert(Pace::lately == std::chrono::seconds(1), "what a window counts is a rate");

}  // namespace

void Pace::wrote(Instant now, uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  if (bytes == written_) return;
  begin_window(now);
  in_window_ += bytes - written_;
  written_ = bytes;
  last_write_ = now;
}

size_t Pace::batch_bytes(Instant now, size_t bytes_max) {
  const std::lock_guard lock(mutex_);
  const uint64_t rate = bytes_a_second(now);
  if (rate == 0) return bytes_max;
  return std::min<size_t>(bytes_max, rate * static_cast<uint64_t>(batch.count()) / second_ns);
}

Duration Pace::gave(Instant now, size_t bytes) {
  const std::lock_guard lock(mutex_);
  const uint64_t rate = bytes_a_second(now);
  if (rate == 0) return Duration(0);
  due_ = std::max(due_, now + -late_max) + Duration(static_cast<int64_t>(bytes * second_ns / rate));
  return std::max(due_ - now, Duration(0));
}

/// Under the lock. 0: as fast as it goes.
uint64_t Pace::bytes_a_second(Instant now) {
  if (now - last_write_ >= quiet) return 0;
  begin_window(now);
  return std::max(bytes_a_second_min, over_written * std::max(in_window_, in_window_before_));
}

/// Under the lock: another window, once the present one is full.
void Pace::begin_window(Instant now) {
  if (now - window_ < lately) return;
  in_window_before_ = now - window_ < 2 * lately ? in_window_ : 0;
  in_window_ = 0;
  window_ = now;
}

}  // namespace ledger::node
