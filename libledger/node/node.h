// A replica with the threads that drive it: the loop, and the disk.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <variant>

#include "io/clock.h"
#include "log/log.h"
#include "node/journal.h"
#include "node/mailbox.h"
#include "node/replica.h"
#include "rpc/ports.h"

namespace ledger::node {

/// Runs one replica. The loop thread owns the replica and everything in it; the disk thread drains
/// the log's queue of writes, one sync for all that waits. Requests come in by `rpc::Node` from any
/// thread through one bounded mailbox.
///
/// The first error of the disk or of the loop is final: everybody who waits is answered, and `done`
/// is called with it.
class Node : public rpc::Node {
 public:
  struct Hooks {
    std::function<void(Level, std::string_view)> tell;  ///< What an operator may want to read.
    std::function<void(bool)> ready;                    ///< When readiness changes; from the loop.
    std::function<void(Result<void>)> done;  ///< Once, when the loop has ended; from the loop.
  };

  /// `log` and `clock` must outlive it. Nothing runs before `start`.
  Node(Self self, log::Log& log, std::unique_ptr<raft::Engine> engine, io::Clock& clock,
       Hooks hooks);
  ~Node() override;

  void start();

  /// Ends both threads: takes no more, answers who waits, writes what is queued, notes the end of
  /// the log. Returns when it is done.
  void stop();

  void propose(rpc::Proposal proposal, rpc::Reply<rpc::Outcome> reply) override;
  void read(const rpc::Freshness& freshness, Readers::ReadReply reply) override;
  Result<book::Decided> decided(Offset from, Offset end, size_t bytes_max) override;
  uint64_t watch(Offset offset, rpc::Reply<Offset> reply) override;
  void unwatch(uint64_t ticket) override;
  void status(rpc::Reply<rpc::NodeStatus> reply) override;
  void members(rpc::Reply<rpc::Members> reply) override;
  void change(rpc::Change change, rpc::Reply<rpc::Changed> reply) override;

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
  struct AskChange {
    rpc::Change change;
    rpc::Reply<rpc::Changed> reply;
  };
  struct DiskFailed {
    Error error;
  };
  using Event = std::variant<Propose, Read, Watch, Unwatch, AskStatus, AskMembers, AskChange,
                             log::Synced, DiskFailed>;

  void loop();
  Result<void> turns();
  Result<void> handle(Now now, Event event);
  void report();
  void drain();
  void wake_disk();
  Now now() { return {clock_.now(), clock_.wall()}; }
  template <class Asked>
  void post(Asked asked);

  log::Log& log_;
  io::Clock& clock_;
  const Hooks hooks_;
  const std::string name_;
  Mailbox<Event> mailbox_;
  Replica replica_;
  std::atomic<uint64_t> last_ticket_ = 0;

  // What `report` has said already.
  std::string told_role_;
  Term told_term_;
  bool told_ready_ = false;

  std::mutex disk_mutex_;
  std::condition_variable disk_work_;
  bool disk_has_work_ = false;
  bool disk_stops_ = false;

  std::thread loop_thread_;
  std::thread disk_thread_;
};

}  // namespace ledger::node
