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
  };
  std::vector<One> all;  ///< By name.
  Term term;             ///< The latest that anybody told.

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
