// The members of a cluster, and what each of them says of itself.
#pragma once

#include <optional>
#include <vector>

#include "cluster.h"

namespace ledger::cli {

struct Roster {
  struct One {
    raft::Member member;
    Time heard;  ///< By the leader; 0: not known.
    Result<rpc::NodeStatus> status;
    std::optional<rpc::GossipMember> gossip = {};  ///< The one with its id.
  };
  std::vector<One> all;  ///< By name.
  Term term;             ///< The latest that anybody told.
  /// Those that gossip knows and the configuration does not, by name.
  std::vector<rpc::GossipMember> strangers;
  std::string cluster;             ///< Of who answered, by its gossip; empty: not known.
  uint64_t gossip_unreadable = 0;  ///< There.

  /// Who says that it leads, in the latest term where there are two; null where nobody does.
  const One* leader() const;
  /// How many committed records a member that answers has not applied.
  uint64_t lag(const One& one) const;
};

/// Asks for the members, then all of them at the same time. A member at whose address another node
/// answers, as after `member replace`, does not answer.
/// Errors: those of a cluster in which nobody answers.
Checked<Roster> call_roll(rpc::Client& client);

/// `{"code":…,"message":…}` of a row that could not be read.
std::string error_json(const Error& error);

}  // namespace ledger::cli
