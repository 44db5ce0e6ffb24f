// A replica with the threads that drive it: the loop, and the disk.
#pragma once

#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <thread>
#include <variant>

#include "io/clock.h"
#include "log/log.h"
#include "node/cuts.h"
#include "node/journal.h"
#include "node/mailbox.h"
#include "node/metrics.h"
#include "node/outbox.h"
#include "node/pace.h"
#include "node/replica.h"
#include "node/scrubbing.h"
#include "rpc/peer_ports.h"
#include "rpc/ports.h"

namespace ledger::node {

/// Runs one replica and connects it with the others. Requests come in by `rpc::Node` from any
/// thread through one bounded mailbox, whose taker owns the replica and everything in it: the
/// loop's thread, or, while that waits, one that brings something light. The disk thread drains the
/// log's queue of writes, one sync for all that waits. Whatever is called back is called by the
/// taker.
///
/// The first error of the disk or of the loop is final: everybody who waits is answered, and `done`
/// is called with it.
class Node : public rpc::Node, public rpc::PeerNode {
 public:
  struct Hooks {
    std::function<void(Level, std::string_view)> tell;  ///< What an operator may want to read.
    std::function<void(bool)> ready;                    ///< When readiness changes.
    /// Once, when the loop has ended; from the loop. `no_such_member`: the cluster goes on without
    /// us.
    std::function<void(Result<void>)> done;
  };

  /// `log`, `clock` and `cuts` must outlive it. Nothing runs before `start`. `contacts` are where
  /// others can be reached as long as the log names no members.
  Node(Self self, log::Log& log, std::unique_ptr<raft::Engine> engine, io::Clock& clock, Cuts& cuts,
       std::vector<raft::Member> contacts, Hooks hooks);
  ~Node() override;

  void start();

  /// Before `start`: the disk thread reads all sealed segments on this disk, which must outlive us,
  /// once in a while, and calls `damaged` with what it finds.
  void scrub(io::Disk& disk, std::function<void(const Error&)> damaged);

  /// Whether the cluster has no other member. Any thread.
  bool alone() const { return alone_; }

  /// Takes no more writes, and lets another lead, if there is one who can. Waits up to `patience`
  /// for that, and, where we are alone, for the answers to what was taken.
  void hand_over(Duration patience);

  /// Ends the streams to the others; what they send is still taken. Before the server of this
  /// process stops: whoever lets go of gRPC last must not be one of gRPC's own threads, which would
  /// wait for itself.
  void disconnect() { peers_->stop(); }

  /// Ends both threads: takes no more, answers who waits, writes what is queued, notes the end of
  /// the log. Returns when it is done. Whoever asks from now on is told that it stops.
  void stop();

  void propose(rpc::Proposal proposal, rpc::Reply<rpc::Outcome> reply) override;
  void read(const rpc::Freshness& freshness, Readers::ReadReply reply) override;
  Result<book::Decided> decided(Offset from, Offset end, size_t bytes_max) override;
  uint64_t watch(Offset offset, rpc::Reply<Offset> reply) override;
  void unwatch(uint64_t ticket) override;
  void status(rpc::Reply<rpc::NodeStatus> reply) override;
  void members(rpc::Reply<rpc::Members> reply) override;
  void change(rpc::Change change, rpc::Reply<rpc::Changed> reply) override;

  /// A copy of all that is measured; for a few callers, who come now and then.
  void metrics(rpc::Reply<Metrics> reply);

  bool receive(MemberId from, std::vector<raft::Message> messages) override;
  Result<rpc::EntriesGiven> entries(const rpc::EntriesAsked& asked, size_t bytes_max) override;
  void confirm(rpc::Reply<rpc::Leading> reply) override;
  std::vector<raft::Message> outgoing(MemberId to, size_t bytes_max) override;

 private:
  struct Propose {
    rpc::Proposal proposal;
    rpc::Reply<rpc::Outcome> reply;
  };
  struct Read {
    rpc::Freshness freshness;
    Readers::ReadReply reply;
  };
  struct Watch {
    uint64_t ticket;
    Offset offset;
    rpc::Reply<Offset> reply;
  };
  struct Unwatch {
    uint64_t ticket;
  };
  struct AskStatus {
    rpc::Reply<rpc::NodeStatus> reply;
  };
  struct AskMembers {
    rpc::Reply<rpc::Members> reply;
  };
  struct AskMetrics {
    rpc::Reply<Metrics> reply;
  };
  struct AskChange {
    rpc::Change change;
    rpc::Reply<rpc::Changed> reply;
  };
  struct AskLeading {
    rpc::Reply<rpc::Leading> reply;
  };
  struct Received {
    std::vector<raft::Message> messages;
    size_t bytes = 0;
  };
  struct Pulled {
    uint64_t number;
    std::vector<Entry> entries;
    Pull::Taken taken;
  };
  struct PullBroke {
    uint64_t number;
  };
  struct HandOver {
    std::function<void()> done;
  };
  /// The disk can't be written or read any more, or we belong to no cluster: the end.
  struct Failed {
    Error error;
  };
  using Event =
      std::variant<Propose, Read, Watch, Unwatch, AskStatus, AskMembers, AskMetrics, AskChange,
                   AskLeading, log::Synced, Received, Pulled, PullBroke, HandOver, Failed>;

  void loop();
  Result<void> turns();
  Result<Instant> turn();
  void go_on(bool light);
  Result<void> handle(Now now, Event event);
  void refuse(std::span<Event> events);
  void propose_timed(Now now, Propose asked);
  rpc::NodeStatus status_now(Now now) const;
  Metrics metrics_now(Now now) const;
  void report();
  void send();
  void follow_members();
  void follow_pull();
  void begin_pull(const Pulling& pulling);
  void see_to_hand_over();
  void drain();
  bool wait_for_work();
  void scrub_on();
  void report_room();
  void wake_disk();
  void say(Level level, std::string_view text) const {
    if (hooks_.tell) hooks_.tell(level, text);
  }
  Now now() { return {clock_.now(), clock_.wall()}; }
  template <class Asked>
  void post(Asked asked, bool light = false);

  log::Log& log_;
  io::Clock& clock_;
  const Hooks hooks_;
  const std::string name_;
  const std::string http_;
  Mailbox<Event> mailbox_;
  std::vector<Event> events_;        ///< Of the present turn. These three are the taker's.
  Instant wake_;                     ///< Until when the loop's thread waits.
  std::optional<Error> failed_;      ///< A turn of another thread's: the loop ends with it.
  std::atomic<bool> light_ = false;  ///< Little waits to be applied.
  Outbox outbox_;
  Replica replica_;
  std::unique_ptr<rpc::Peers> peers_;  ///< None where nothing has been started.
  const Id cluster_;
  const MemberId self_;
  std::atomic<uint64_t> last_ticket_ = 0;

  // Shared with the threads that peers call from.
  std::atomic<size_t> received_bytes_ = 0;  ///< Of messages in the mailbox.
  std::atomic<uint64_t> committed_ = 0;
  Pace pace_;   ///< Of what others pull from us.
  Cuts& cuts_;  ///< Nobody is cut off, but in tests.
  std::atomic<bool> alone_ = true;
  std::mutex gone_mutex_;
  std::set<MemberId> gone_;  ///< Members that were, and are not any more.

  // What `follow_members` and `follow_pull` have done already.
  const std::vector<raft::Member> contacts_;
  std::optional<raft::Configuration> told_configuration_;
  uint64_t pull_begun_ = 0;
  size_t pull_attempts_ = 0;
  Instant pull_again_;
  std::vector<std::function<void()>> handing_over_;

  // What is measured; the taker's.
  Instant turn_;            ///< When the present turn began.
  size_t turn_events_ = 0;  ///< That it found waiting.
  Histogram commit_;
  Histogram fsync_;
  Histogram apply_;

  // What has been said already.
  std::string told_role_;
  Term told_term_;
  bool told_ready_ = false;
  Index told_pull_;

  // The disk thread's.
  bool told_full_ = false;
  std::function<void(const Error&)> damaged_;
  std::optional<Scrubbing> scrubbing_;

  std::mutex disk_mutex_;
  std::condition_variable disk_work_;
  bool disk_has_work_ = false;
  bool disk_stops_ = false;

  std::thread loop_thread_;
  std::thread disk_thread_;
};

}  // namespace ledger::node
