// The service manager that started us, if one did: sd_notify(3).
#pragma once

#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/types.h"
#include "node/journal.h"

namespace ledger::node {

/// What its socket has no room for is told with the next, each variable with its last value: a
/// supervisor that looks away for a while must not miss that we are ready.
///
/// Threads: any.
class Manager {
 public:
  /// `journal`, which must outlive it, hears where the manager can't be told.
  explicit Manager(Journal& journal) : journal_(journal) {}

  /// Assignments, one a line, such as `READY=1`.
  void tell(const std::string& state);
  /// For a watchdog that we live, and for people what the node is; to be called about once a
  /// second.
  void reassure(const std::string& status);
  /// The same for a time that may be long and has nothing to tell: of a start, that it goes on.
  void ask_for_patience();

 private:
  void owe(std::string_view state);
  void send();

  Journal& journal_;
  const bool watched_ = std::getenv("WATCHDOG_USEC") != nullptr;
  std::mutex mutex_;
  std::string told_status_;
  std::vector<std::string> owed_;  ///< Assignments in the order of their last change.
  bool deaf_ = false;              ///< Said once; it would be said every second.
};

/// Asks a manager for patience, from a thread of its own, for as long as this exists: while the
/// main thread reads or mends a log, which takes the longer the larger it is.
class Patience {
 public:
  /// `manager` must outlive it.
  explicit Patience(Manager& manager, Duration period = std::chrono::seconds(1));
  ~Patience();
  Patience(const Patience&) = delete;
  Patience& operator=(const Patience&) = delete;

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  bool over_ = false;
  std::thread thread_;
};

}  // namespace ledger::node
