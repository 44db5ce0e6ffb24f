// What the services ask of a node's gossip. `node` implements it; nothing of Serf stands here.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/types.h"
#include "rpc/ports.h"

namespace ledger::rpc {

/// What became of the addresses that a node was told to contact.
struct Met {
  std::vector<std::string> fresh;  ///< Names of members that were not known before, sorted.
  struct Unreached {
    std::string address;
    std::string why;
  };
  std::vector<Unreached> unreached;
};

/// Membership by gossip, as one node sees it. Threads: any; nothing here blocks.
class GossipPort {
 public:
  virtual ~GossipPort() = default;

  /// All members, ourselves included, sorted by name; those that failed or left stay for a day.
  virtual std::shared_ptr<const std::vector<GossipMember>> members() const = 0;
  /// How many packets and streams no key of ours has opened, since the node started.
  virtual uint64_t unreadable() const = 0;

  /// Contacts these gossip addresses. Failures: `peer_unreachable` where none answers, `busy`,
  /// `cluster_id_mismatch` where one that answers belongs to another cluster than we do.
  virtual void meet(std::vector<std::string> addresses, Reply<Met> reply) = 0;
};

}  // namespace ledger::rpc
