// What has been begun and must end before its owner may go.
#pragma once

#include <condition_variable>
#include <mutex>

namespace ledger::rpc {

/// Counts things that are under way. Threads: any. Shared by them, so that the last may leave while
/// the owner is gone already.
class Pending {
 public:
  /// Counts one more in; after `close_and_wait` nothing may begin.
  bool enter() {
    const std::lock_guard lock(mutex_);
    if (closed_) return false;
    ++count_;
    return true;
  }

  /// The last thing that what `enter` let in does.
  void leave() {
    const std::lock_guard lock(mutex_);
    if (--count_ == 0) none_.notify_all();
  }

  /// Returns once nothing is under way, and nothing will be.
  void close_and_wait() {
    std::unique_lock lock(mutex_);
    closed_ = true;
    none_.wait(lock, [this] { return count_ == 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable none_;
  size_t count_ = 0;
  bool closed_ = false;
};

}  // namespace ledger::rpc
