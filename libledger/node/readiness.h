// Whether a node can serve, and what it is like, as those hear of it who watch it from outside.
#pragma once

#include <string>

#include "node/gossip.h"
#include "node/http_port.h"
#include "node/journal.h"
#include "node/manager.h"
#include "node/node.h"
#include "rpc/server.h"

namespace ledger::node {

/// Tells gRPC's health service, the http port, the service manager and the journal the same.
///
/// Threads: `set` from any, the others from one.
class Readiness {
 public:
  /// All must outlive it.
  Readiness(rpc::RpcServer& server, HttpPort& http, Manager& manager, Journal& journal)
      : server_(server), http_(http), manager_(manager), journal_(journal) {}

  /// There is no node yet, and this is why, in a line.
  void set_why_not(const std::string& why) { http_.set_why_not(why); }
  void set(bool ready);

  /// From now on looks at the node once a second, until `stop`; for the http port's page also at
  /// the other members. `gossip` may be null; `repairs` is read from the looking thread.
  void observe(Node& node, const Gossip* gossip, const uint64_t& repairs);
  /// Not ready any more, whatever the node says.
  void stop();

 private:
  rpc::RpcServer& server_;
  HttpPort& http_;
  Manager& manager_;
  Journal& journal_;
};

}  // namespace ledger::node
