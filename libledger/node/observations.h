// What a node looked like in the last minutes, for people and for Prometheus.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/types.h"
#include "node/metrics.h"

namespace ledger::node {

/// The latest metrics, and a short history of what can be plotted. A value without threads.
class Observations {
 public:
  /// What is kept for plots: five minutes of looks, one a second.
  static constexpr size_t samples_max = 300;

  /// Takes a look in; the first only begins. `at` never runs backwards.
  void add(Metrics metrics, Instant at, Time wall);
  /// What another member answered when it was asked for its status, or why it did not.
  void hear(MemberId member, Result<rpc::NodeStatus> answer);

  const std::optional<Metrics>& latest() const { return latest_; }
  /// What the members, but this one, are asked for next: id and rpc address.
  std::vector<std::pair<MemberId, std::string>> others() const;
  /// Why this node can't serve, one line.
  std::string why_not_ready() const;

  /// All of it as one JSON object, the status page's source: ledgerctl-node(1). `why_not`: why this
  /// node can't serve, whatever was seen last.
  std::string json(const std::optional<std::string>& why_not) const;

 private:
  /// What happened between two looks.
  struct Sample {
    double records_per_second = 0;
    Histogram commit;
    Histogram fsync;
    uint64_t queue_depth = 0;
  };

  std::optional<Metrics> latest_;
  Instant latest_at_;
  Time latest_wall_;
  std::deque<Sample> samples_;
  std::map<MemberId, Result<rpc::NodeStatus>> heard_;
};

}  // namespace ledger::node
