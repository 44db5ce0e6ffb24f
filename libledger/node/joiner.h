// Asks the cluster to know us, until it does.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "node/journal.h"
#include "rpc/peer_ports.h"
#include "rpc/ports.h"

namespace ledger::node {

/// On a thread of its own: as long as the configuration does not name `self` with its address, asks
/// the leader for that. A newcomer becomes a standby by it, a member that moved is found again.
class Joiner {
 public:
  /// `addresses` are where to ask besides the members; `tell` may be called from its thread.
  Joiner(rpc::Node& node, rpc::Introduction self, std::vector<std::string> addresses,
         std::function<void(Level, std::string_view)> tell);
  ~Joiner() { stop(); }

  void stop();

 private:
  void run();
  bool known(std::vector<std::string>& addresses);
  bool stopped(Duration patience);

  rpc::Node& node_;
  const rpc::Introduction self_;
  const std::vector<std::string> addresses_;
  const std::function<void(Level, std::string_view)> tell_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stops_ = false;
  std::thread thread_;
};

}  // namespace ledger::node
