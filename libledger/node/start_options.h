// How a node is started.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/types.h"
#include "node/gossip_options.h"
#include "node/journal.h"

namespace ledger::node {

struct StartOptions {
  std::string data_dir;
  std::string name;                        ///< Empty: what the directory says, else the host's.
  std::string listen = "127.0.0.1:17400";  ///< Of the rpc service.
  std::string http = "127.0.0.1:17402";    ///< Metrics, probes, and a page for people.
  bool bootstrap = false;                  ///< Found a cluster of one in an empty directory.
  /// With peers: found one together with so many of them; 0: join theirs.
  size_t bootstrap_expect = 0;
  /// Name and rpc address of all first members, this node too; the same on each. Empty: none.
  std::vector<std::pair<std::string, std::string>> peers = {};
  /// How it gossips, if it does. Without peers it finds its cluster by that: with
  /// `bootstrap_expect` it founds one together with so many that it sees, else it joins theirs.
  std::optional<GossipOptions> gossip = {};
  std::string advertise = {};  ///< Host that others reach us by; empty: that of `listen`.
  uint64_t segment_bytes = 64 << 20;
  bool reflection = true;
  Duration stop_timeout = std::chrono::seconds(8);
  Level log_level = Level::info;
  std::optional<LogFormat> log_format;
  /// Obey the file `faults` in the directory: who this node is cut off from (cuts.h). For tests.
  bool fault_injection = false;
  std::string version;  ///< Of the program, for those who ask.
  /// Reads how it would be started now, for SIGHUP; empty: there is nothing to read again.
  std::function<Result<StartOptions>()> again = {};

  /// It founds a cluster by itself.
  bool alone() const { return bootstrap || bootstrap_expect == 1; }
  bool joins_by_gossip() const { return gossip && !gossip->join.empty(); }
};

/// Where others reach the node of this name, whose rpc service listens at `listens`: as the list of
/// peers says, else there, on the host that is advertised.
std::string reached_at(const StartOptions& options, std::string_view name,
                       const std::string& listens);

/// Errors: `invalid_value`, `usage` (without TLS a node stays on loopback); those of `check` of
/// what concerns gossip.
Result<void> check(const StartOptions& options);

}  // namespace ledger::node
