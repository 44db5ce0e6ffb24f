// What a node answers to one that mends its log.
#pragma once

#include "log/log.h"
#include "log/remains.h"
#include "node/replica.h"
#include "rpc/peer_ports.h"

namespace ledger::node {

/// Answers from a whole log, of which entries up to `committed` are. Any thread; blocks on the disk
/// only. Errors: `corrupt_segment`, `io`: damage here, too.
Result<rpc::EntriesGiven> give(const log::Log& log, Index committed, const rpc::EntriesAsked& asked,
                               size_t bytes_max);

/// Answers from what is left of a damaged log. Any thread. Errors: as Remains::read.
Result<rpc::EntriesGiven> give(const log::Remains& remains, const rpc::EntriesAsked& asked,
                               size_t bytes_max);

/// Answers once a read round that begins now has confirmed that `replica` leads, and what it had
/// committed by then is applied: so is an entry of its own term. `replica` and `log` must outlive
/// the reply. Failures: `no_leader`, `busy`, `timeout`.
void confirm(Replica& replica, const log::Log& log, Now now, rpc::Reply<rpc::Leading> reply);

}  // namespace ledger::node
