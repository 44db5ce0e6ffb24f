// The one way into the loop: a bounded queue of events from every other thread.
#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "base/types.h"

namespace ledger::node {

/// Events for one taker. Full means `unavailable` to the one who posts, never a longer queue.
///
/// Threads: `post` and `close` from any, `take` from one.
template <class Event>
class Mailbox {
 public:
  explicit Mailbox(size_t count_max) : count_max_(count_max) {}

  /// Puts an event in; gives it back where the box is full or closed. With `always` only a closed
  /// box refuses: for events that answer something the taker asked for, whose number is bounded by
  /// that.
  std::optional<Event> post(Event event, bool always = false) {
    {
      const std::lock_guard lock(mutex_);
      if (closed_ || (!always && events_.size() >= count_max_)) return event;
      events_.push_back(std::move(event));
    }
    arrived_.notify_one();
    return std::nullopt;
  }

  /// All that has come, in order, into `events`; waits up to `patience` for the first. False once
  /// the box is closed and empty.
  bool take(std::vector<Event>& events, Duration patience) {
    events.clear();
    std::unique_lock lock(mutex_);
    arrived_.wait_for(lock, patience, [this] { return closed_ || !events_.empty(); });
    std::swap(events, events_);
    return !events.empty() || !closed_;
  }

  void close() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    arrived_.notify_one();
  }

 private:
  const size_t count_max_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<Event> events_;
  bool closed_ = false;
};

}  // namespace ledger::node
