// What a node measures of itself, and how Prometheus is told.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/histogram.h"
#include "rpc/ports.h"

namespace ledger::node {

/// A copy of all numbers at one instant, made by the loop, which alone counts: nothing is locked
/// and no clock is read for a record.
struct Metrics {
  rpc::NodeStatus status;
  rpc::Members members;

  /// From the loop turn that took a proposal to the one that answered it, on the leader.
  Histogram commit;
  /// One drain of the write queue: writes and their sync.
  Histogram fsync;
  /// Loop turns that applied records.
  Histogram apply;
  std::map<std::string, uint64_t, std::less<>> refused;  ///< Records applied, by verdict.
  uint64_t repairs = 0;      ///< Times that a damaged log was mended, since the process started.
  uint64_t queue_depth = 0;  ///< Events that came since the last loop turn.
  /// Members as gossip knows them, by state; empty where a node does not gossip.
  std::map<std::string, uint64_t, std::less<>> gossip_members;

  /// The offset that each replay which follows this node is given next.
  std::map<std::string, Offset> replays;

  /// Counts the members of the ledger that gossip knows; no other agents of Serf.
  void count(const std::vector<rpc::GossipMember>& gossip);

  /// Name of each other member, and how many entries it is known to lack. The leader's alone.
  std::map<std::string, uint64_t> peer_lag() const;
};

/// The text format 0.0.4 of Prometheus. Names and meanings: ledgerctl-node(1).
std::string prometheus_text(const Metrics& metrics);

}  // namespace ledger::node
