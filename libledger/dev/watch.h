// What a supervisor waits for besides its nodes: signals, its parent, and the cluster's health.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/types.h"
#include "dev/supervisor.h"
#include "io/descriptor.h"

namespace ledger::dev {

/// SIGINT, SIGTERM, SIGHUP (unless it was ignored: nohup) and SIGCHLD as a descriptor, blocked for
/// every thread that begins later. SIGPIPE is ignored.
class StopSignals {
 public:
  StopSignals();
  int descriptor() const { return signals_.get(); }
  /// The next that asks for the end; SIGCHLD is only forgotten.
  std::optional<int> take();
  bool hangup_ignored() const { return hangup_ignored_; }

 private:
  io::Descriptor signals_;
  bool hangup_ignored_ = false;
};

/// Asks on a thread of its own, again and again, whether the cluster is healthy.
class HealthWatch {
 public:
  HealthWatch();
  ~HealthWatch();
  HealthWatch(const HealthWatch&) = delete;
  HealthWatch& operator=(const HealthWatch&) = delete;

  /// Once.
  void begin(const Healthy& healthy, std::vector<std::string> endpoints);
  bool begun() const { return begun_; }
  /// Becomes readable when it is healthy.
  int descriptor() const;
  bool is_healthy() const;
  /// Why it was not, the last time.
  std::string why() const;

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;  ///< The thread outlives us by the rest of one question.
  bool begun_ = false;
};

}  // namespace ledger::dev
