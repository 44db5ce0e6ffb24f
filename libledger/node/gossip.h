// Membership by gossip, and what follows from it for the cluster.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "io/clock.h"
#include "io/disk.h"
#include "node/cuts.h"
#include "node/gossip_plan.h"
#include "node/gossip_thread.h"
#include "rpc/gossip_port.h"
#include "rpc/ports.h"

namespace ledger::node {

/// A node's gossip. Finds the others by the addresses it is given and by those it knew when it ran
/// last (the file DATA/gossip), and goes on looking while nobody else is there, or one of them has
/// failed. On the leader, what gossip says becomes changes of membership: see GossipPlan.
///
/// Two threads: one gossips (GossipThread), the other here asks, decides and writes the file, so it
/// may wait for a name server, another node or the disk. The loop of consensus waits for neither:
/// requests reach it by its mailbox, as all others do.
///
/// Threads: any for what GossipPort has; the rest from the one that opened it.
class Gossip : public rpc::GossipPort {
 public:
  using Tell = std::function<void(Level, std::string_view)>;

  /// Binds; nothing is sent before `start`. `disk`, `clock`, `random` and `cuts` must
  /// outlive it. Errors: those of GossipThread::open; `io`.
  static Result<std::unique_ptr<Gossip>> open(const GossipOptions& options, GossipThread::Self self,
                                              io::Disk& disk, io::Clock& clock, io::Random& random,
                                              const Cuts& cuts, Tell tell);
  ~Gossip() override { stop(); }

  void start();
  /// HOST:PORT that others reach our gossip by.
  const std::string& address() const { return thread_->address(); }

  /// We belong to this cluster from now on, as this member: our tags say so.
  void belong(MemberId member, const Id& cluster);
  /// From now on gossip has consequences, whenever `node` leads. It must answer until `stop` has
  /// returned.
  void serve(rpc::Node& node, const Id& cluster);

  /// Says goodbye, once we belong to the cluster no more. No signal ever does.
  void leave(Duration patience) { thread_->leave(patience); }
  /// Ends without a word.
  void stop();

  std::shared_ptr<const std::vector<rpc::GossipMember>> members() const override {
    return thread_->members();
  }
  uint64_t unreadable() const override { return thread_->unreadable(); }
  void meet(std::vector<std::string> addresses, rpc::Reply<rpc::Met> reply) override;

 private:
  /// One `meet` that is under way.
  struct Meeting {
    std::map<serf::Token, std::string> waiting;  ///< Address by token.
    size_t contacted = 0;
    std::vector<rpc::Met::Unreached> unreached;
    std::set<std::string> before;  ///< Names known when it began.
    Instant limit;
    rpc::Reply<rpc::Met> reply;
  };
  struct Wish {
    std::vector<std::string> addresses;
    rpc::Reply<rpc::Met> reply;
  };
  struct Contacted {
    serf::Token token;
    std::optional<std::string> why;
  };
  /// What the loop and the other thread leave for ours. Shared, since the loop may answer late.
  struct Inbox {
    std::mutex mutex;
    std::condition_variable wake;
    bool changed = false;
    bool stops = false;
    std::vector<Wish> wishes;
    std::vector<Contacted> contacted;
    bool change_ended = false;
    std::optional<Error> change_error;
  };

  Gossip(io::Disk& disk, io::Clock& clock, const Cuts& cuts, Tell tell);

  void run();
  bool wait();
  void begin(Wish wish);
  void take(const Contacted& contacted);
  void end_meetings(bool all);
  rpc::Answer<rpc::Met> outcome(const Meeting& meeting) const;
  void seek_company();
  void keep_addresses();
  void steer();
  bool introduces_itself(const rpc::Change& change);
  void propose(const rpc::Change& change);
  void hear_of_change();
  void hold_back(const rpc::Change& change);
  void warn_once(const std::string& key, const std::string& text);
  std::optional<rpc::Members> ask_members();

  io::Disk& disk_;
  io::Clock& clock_;
  const Cuts& cuts_;
  const Tell tell_;
  std::unique_ptr<GossipThread> thread_;
  const std::shared_ptr<Inbox> inbox_ = std::make_shared<Inbox>();

  std::mutex served_mutex_;  ///< Guards the next two.
  rpc::Node* node_ = nullptr;
  Id cluster_;

  // Our thread's.
  std::vector<std::string> contacts_;  ///< Where others are or were.
  std::string kept_;                   ///< What the file says.
  Instant seek_again_;
  Duration seek_pause_{};
  serf::Token last_token_ = 0;
  std::vector<Meeting> meetings_;
  std::optional<rpc::Change> changing_;       ///< Under way.
  std::map<std::string, Instant> held_back_;  ///< Changes that were refused, until when.
  std::set<std::string> told_;                ///< Warnings that were given.
  Instant steer_again_;
  std::thread worker_;
};

}  // namespace ledger::node
