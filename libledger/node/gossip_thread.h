// A member of the Serf cluster on a thread of its own.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/id.h"
#include "base/result.h"
#include "node/cuts.h"
#include "node/gossip_options.h"
#include "node/journal.h"
#include "rpc/gossip_port.h"
#include "serf/driver/driver.h"

namespace ledger::node {

/// Runs a serf::Driver: the thread here moves the bytes and owns the state of gossip, so that
/// neither can hold up the loop of consensus, nor it them. Others see copies of the member list,
/// and leave commands that the thread takes up at once.
///
/// Where the cluster gives our name to another address (we have moved, and the others have not
/// missed the old one yet), it begins anew after a while, until it is admitted.
///
/// Threads: any, but `open`, `start`, `leave` and `stop` from one. Hooks are called from the
/// thread.
class GossipThread {
 public:
  /// What the tags of a node say; see ledger-gossip(7).
  struct Self {
    std::string name;
    MemberId member;
    Id cluster;  ///< Nil: none yet, and no tag.
    std::string rpc_address;
    std::string version;
  };
  struct Hooks {
    std::function<void(Level, std::string_view)> tell;
    std::function<void()> changed;  ///< The list of members is another.
    /// A contact has answered, or not: why.
    std::function<void(serf::Token, std::optional<std::string> why)> contacted;
  };

  /// Binds, and reads the keys. `cuts` must outlive it. Errors: `address_in_use`, `usage` (no key,
  /// and not on loopback), `invalid_value` (nobody could reach us there), `file_permission`,
  /// `no_such_file`, `config_invalid` (of the key file), `io`.
  static Result<std::unique_ptr<GossipThread>> open(const GossipOptions& options, Self self,
                                                    uint64_t seed, const Cuts& cuts, Hooks hooks);
  ~GossipThread() { stop(); }

  void start();
  /// Says goodbye and returns once others have heard it, or after `patience`.
  void leave(Duration patience);
  /// Ends without a word: others will find that we failed.
  void stop();

  /// HOST:PORT that others reach us by.
  const std::string& address() const { return address_; }
  std::shared_ptr<const std::vector<rpc::GossipMember>> members() const;
  uint64_t unreadable() const { return unreadable_; }

  void contact(const serf::Address& address, serf::Token token);
  /// From now on the tags name this cluster, and who we are in it.
  void belong(MemberId member, const Id& cluster);
  /// Tells all that a failed member will not come back.
  void forget(const std::string& name);

 private:
  GossipThread(serf::Config config, serf::Address bind, std::string key_file, Self self,
               const Cuts& cuts, Hooks hooks);

  serf::Result<std::unique_ptr<serf::Driver>> open_driver() const;
  void run();
  void command(serf::Event event);
  bool reopen();
  void turn();
  void tell(const serf::Notice& notice);
  void publish();
  bool stopped_within(Duration patience);

  serf::Config config_;
  serf::Address bind_;
  const std::string key_file_;
  const Cuts& cuts_;
  const Hooks hooks_;
  std::string address_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  Self self_;
  std::unique_ptr<serf::Driver> driver_;  ///< Made and ended under the mutex.
  std::vector<serf::Event> commands_;
  std::shared_ptr<const std::vector<rpc::GossipMember>> members_;
  bool stops_ = false;
  bool left_ = false;

  std::atomic<uint64_t> unreadable_ = 0;
  uint64_t unreadable_before_ = 0;  ///< Of drivers that are no more.
  std::thread thread_;
};

}  // namespace ledger::node
