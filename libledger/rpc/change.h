// A change of membership or leadership, asked of whoever leads until it is done.
#pragma once

#include "rpc/cluster.h"
#include "rpc/peer_ports.h"

namespace ledger::rpc {

/// Asks the leader, which is looked for and followed where it changes, again and again until the
/// deadline: what may be asked again. Blocks.
///
/// Errors: `unknown_outcome` where somebody was asked and time was up; `unreachable`, `no_leader`,
/// `no_quorum`, `busy` where nothing was done; what the leader refuses with.
Result<Changed> carry_out(Cluster& cluster, const Change& change);

/// The same for a newcomer that wants to be taken in.
Result<Changed> carry_out(Cluster& cluster, const Introduction& newcomer);

}  // namespace ledger::rpc
