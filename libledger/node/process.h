// A node as a process: its directory, its listeners, its signals, from start to exit.
#pragma once

#include <functional>
#include <optional>
#include <string>
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

  /// It founds a cluster by itself.
  bool alone() const { return bootstrap || bootstrap_expect == 1; }
  bool joins_by_gossip() const { return gossip && !gossip->join.empty(); }
};

/// HOST:PORT of each listener, with the ports that were chosen.
struct Listeners {
  std::string rpc;
  std::string http;
  std::string gossip = {};  ///< Empty: it does not gossip.
};

/// Runs a node in this process until SIGTERM or SIGINT, and returns 0. The same signal again ends
/// the process at once with 128 + its number; so does `stop_timeout`, with 0. SIGHUP reads
/// the file `faults` again, if it obeys one; SIGPIPE is ignored. Tells NOTIFY_SOCKET what
/// sd_notify(3) describes.
///
/// A node whose log is damaged mends it from the other members before it takes part, and answers
/// meanwhile that it does. Where damage is found while it runs, all of it is taken down and begun
/// again, in this process.
///
/// `listening` hears the addresses once all listeners answer; a node without a cluster then looks
/// for one among its peers, however long that takes.
///
/// Call it from the main thread, before any other thread begins: it blocks signals for all.
/// Errors: `usage`, `invalid_value`, `data_dir_locked`, `data_dir_mismatch`, `address_in_use`,
/// `file_permission`, `format_too_new`, `corrupt_segment`, `offset_gap`, `no_space`, `io`,
/// `config_invalid`, `cluster_id_mismatch` (the peers'); those of GossipThread::open.
Result<int> run(const StartOptions& options,
                const std::function<void(const Listeners& listeners)>& listening);

}  // namespace ledger::node
