// The one way into the loop: a bounded queue of events from every other thread.
#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "base/types.h"

namespace ledger::node {

/// Events for one taker at a time: the thread that waits in `take`, or in its place, for a moment,
/// one that has just put something in. To change threads costs more than what most events cause.
///
/// Threads: `take` from one, all else from any.
template <class Event>
class Mailbox {
 public:
  /// Full means `unavailable` to the one who posts, never a longer queue.
  explicit Mailbox(size_t count_max) : count_max_(count_max) {}

  /// Puts an event in and wakes the thread that waits; gives it back where the box is full or
  /// closed. With `always` only a closed box refuses: for events that answer something the taker
  /// asked for, whose number is bounded by that.
  std::optional<Event> post(Event event, bool always = false) {
    {
      const std::lock_guard lock(mutex_);
      if (!fits(always)) return event;
      events_.push_back(std::move(event));
      if (taken_) return std::nullopt;
    }
    arrived_.notify_one();
    return std::nullopt;
  }

  /// The same, but wakes nobody: `wake` or `claim` must follow.
  std::optional<Event> put(Event event, bool always = false) {
    const std::lock_guard lock(mutex_);
    if (!fits(always)) return event;
    events_.push_back(std::move(event));
    return std::nullopt;
  }

  /// Wakes the thread in `take` if there is something for it. Where another takes, he does it when
  /// he ends.
  void wake() {
    {
      const std::lock_guard lock(mutex_);
      if (taken_ || !wanted()) return;
    }
    arrived_.notify_one();
  }

  /// Makes the caller the taker, until it says `yield`, of all that has come, in order. False where
  /// somebody else takes, who will look again, or there is nothing to take.
  bool claim(std::vector<Event>& events) {
    const std::lock_guard lock(mutex_);
    if (taken_ || closed_ || events_.empty()) return false;
    taken_ = true;
    events.clear();
    std::swap(events, events_);
    return true;
  }

  /// The end of a claim. The thread in `take` goes on if something has come meanwhile, or with
  /// `at_once` before its patience ends.
  void yield(bool at_once) {
    {
      const std::lock_guard lock(mutex_);
      taken_ = false;
      called_ |= at_once;
    }
    wake();
  }

  /// All that has come, in order, into `events`; waits up to `patience` for the first, and for the
  /// end of a claim. The caller is the taker until it is here again. False once the box is closed
  /// and empty.
  bool take(std::vector<Event>& events, Duration patience) {
    std::unique_lock lock(mutex_);
    taken_ = false;
    arrived_.wait_for(lock, patience, [this] { return !taken_ && wanted(); });
    called_ = true;  // By ourselves: whoever has claimed wakes us when he ends.
    arrived_.wait(lock, [this] { return !taken_; });
    called_ = false;
    taken_ = true;
    events.clear();
    std::swap(events, events_);
    return !events.empty() || !closed_;
  }

  void close() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    wake();
  }

 private:
  bool fits(bool always) const { return !closed_ && (always || events_.size() < count_max_); }
  bool wanted() const { return closed_ || called_ || !events_.empty(); }

  const size_t count_max_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<Event> events_;
  bool taken_ = true;    ///< There is a taker; at first the thread that will call `take`.
  bool called_ = false;  ///< The thread in `take` is to look up.
  bool closed_ = false;
};

}  // namespace ledger::node
