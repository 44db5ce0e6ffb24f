// How a node gossips.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace ledger::node {

struct GossipOptions {
  std::string listen = {};             ///< HOST:PORT, UDP and TCP.
  std::string advertise = {};          ///< Host that others reach us by; empty: that of `listen`.
  std::string key_file = {};           ///< Empty: no key, and loopback only.
  std::vector<std::string> join = {};  ///< Gossip addresses of others.
};

/// What can be said of them before anything is touched. Errors: `invalid_value`, `usage` (without a
/// key on loopback only).
Result<void> check(const GossipOptions& options);

}  // namespace ledger::node
