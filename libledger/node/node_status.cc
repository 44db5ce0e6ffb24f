#include "node/node.h"

namespace ledger::node {

rpc::NodeStatus Node::status_now(Now now) const {
  rpc::NodeStatus status = replica_.status(now);
  status.http = http_;
  return status;
}

Metrics Node::metrics_now(Now now) const {
  Metrics metrics{.status = status_now(now),
                  .members = replica_.members(now),
                  .commit = commit_,
                  .fsync = fsync_,
                  .apply = apply_,
                  .refused = {},
                  .queue_depth = turn_events_,
                  .gossip_members = {},
                  .replays = {}};
  for (const auto& [code, count] : replica_.refused()) {
    metrics.refused.emplace(book::name(code), count);
  }
  return metrics;
}

}  // namespace ledger::node
