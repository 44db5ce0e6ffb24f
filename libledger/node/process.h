// A node as a process: its directory, its listeners, its signals, from start to exit.
#pragma once

#include <functional>
#include <string>

#include "base/result.h"
#include "node/start_options.h"

namespace ledger::node {

/// HOST:PORT of each listener, with the ports that were chosen.
struct Listeners {
  std::string rpc;
  std::string http;
  std::string gossip = {};  ///< Empty: it does not gossip.
};

/// Runs a node in this process until SIGTERM or SIGINT, and returns 0. The same signal again ends
/// the process at once with 128 + its number; so does `stop_timeout`, with the code it would have
/// had. SIGHUP reads the options again (reload.h), and the file `faults`, if it obeys one; SIGPIPE
/// is ignored. Tells NOTIFY_SOCKET what sd_notify(3) describes.
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
