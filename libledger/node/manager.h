// The service manager that started us, if one did: sd_notify(3).
#pragma once

#include <cstdlib>
#include <string>

#include "node/journal.h"

namespace ledger::node {

/// Threads: one at a time.
class Manager {
 public:
  /// `journal`, which must outlive it, hears where the manager can't be told.
  explicit Manager(Journal& journal) : journal_(journal) {}

  /// Assignments, one a line, such as `READY=1`.
  void tell(const std::string& state);
  /// For a watchdog that we live, and for people what the node is; to be called about once a
  /// second.
  void reassure(const std::string& status);

 private:
  Journal& journal_;
  const bool watched_ = std::getenv("WATCHDOG_USEC") != nullptr;
  std::string told_status_;
  bool deaf_ = false;  ///< Said once; it would be said every second.
};

}  // namespace ledger::node
