// Signals and ends as descriptors, so that the main thread waits for all of them at once.
#pragma once

#include <optional>

#include "base/types.h"
#include "io/descriptor.h"

namespace ledger::node {

/// SIGTERM, SIGINT and SIGHUP, blocked for every thread that begins after the constructor and read
/// here; SIGPIPE is ignored. And `finish`, by which another thread ends the wait.
///
/// Threads: `wait` from the one that made it, `finish` from any.
class Signals {
 public:
  Signals();

  /// Makes `wait` return 0, once.
  void finish();

  /// The number of the next signal; 0 after `finish`; nothing when `patience` is over.
  std::optional<int> wait(std::optional<Duration> patience);

 private:
  io::Descriptor signals_;
  io::Descriptor finished_;
};

}  // namespace ledger::node
