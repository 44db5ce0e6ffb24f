// Damage of the log that somebody met who reads it while the node runs.
#pragma once

#include <mutex>
#include <optional>
#include <utility>

#include "base/result.h"

namespace ledger::node {

/// The first that was met: one is enough to mend. Threads: any.
class FoundDamage {
 public:
  /// False: there was one before.
  bool note(Error error) {
    const std::lock_guard lock(mutex_);
    if (first_) return false;
    first_ = std::move(error);
    return true;
  }

  std::optional<Error> first() const {
    const std::lock_guard lock(mutex_);
    return first_;
  }

 private:
  mutable std::mutex mutex_;
  std::optional<Error> first_;
};

}  // namespace ledger::node
