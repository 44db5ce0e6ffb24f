// What the leader does about what gossip says: pure decisions.
#pragma once

#include <string>
#include <vector>

#include "base/id.h"
#include "rpc/ports.h"

namespace ledger::node {

/// What follows for consensus and for gossip itself from one look at both.
///
/// Gossip proposes, only the log decides. A member that is alive, says that it belongs to our
/// cluster and is not in the configuration, or is there with another address, is to be added. One
/// that has left is to be removed, unless consensus still hears it. One that failed stays: a
/// partition must not shrink the cluster. Whoever names no rpc address, no id or another cluster is
/// shown and nothing else.
struct GossipPlan {
  struct Step {
    rpc::Change change;  ///< add or remove, by id.
    /// Before it is made, the node at `change.address` shall say itself that this is so.
    bool introduce = false;
  };
  std::vector<Step> steps;
  std::vector<std::string> forget;  ///< Failed, and taken out by the log: gossip may let them go.
  struct Remark {
    std::string name;
    std::string text;
  };
  std::vector<Remark> remarks;  ///< Why somebody who is alive is not taken in.
};

/// `members` is the leader's own answer, with a configuration that is committed; `gossip` is what
/// the leader's gossip knows; `cluster` is ours.
GossipPlan plan_by_gossip(const rpc::Members& members, const std::vector<rpc::GossipMember>& gossip,
                          const Id& cluster);

/// Alive as far as gossip knows.
bool is_up(const rpc::GossipMember& member);

}  // namespace ledger::node
