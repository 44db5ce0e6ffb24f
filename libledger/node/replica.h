// Consensus, log and book as one deterministic unit: the simulator runs this very code.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "history/history.h"
#include "log/log.h"
#include "node/changes.h"
#include "node/intake.h"
#include "node/pull.h"
#include "node/readers.h"
#include "raft/engine.h"
#include "rpc/ports.h"

namespace ledger::node {

/// Who a replica is; never changes while it lives.
struct Self {
  MemberId id;
  std::string name;
  Id cluster;
  std::string address;  ///< Where others reach it: HOST:PORT of the rpc service.
  std::string version;  ///< Of the program.
  std::array<uint8_t, 16> hash_key{};
  std::string http = {};  ///< HOST:PORT of its http port.
};

/// The instant and the civil time of one loop turn: one clock read each.
struct Now {
  Instant instant;
  Time wall;
};

/// Carries out what consensus asks, in the order safety needs: a vote is durable before anything
/// leaves, a record is applied only up to min(committed, synced), and is answered after that.
///
/// The caller drains `log` and reports what it made durable by `synced`; it calls `turn` whenever
/// something came in, and no later than `turn` said.
///
/// Threads: one at a time, the taker of the node's mailbox. Errors of any method are fatal: stop
/// the process.
class Replica {
 public:
  /// `log` must outlive it.
  Replica(Self self, log::Log& log, std::unique_ptr<raft::Engine> engine);

  /// Tells the engine what is on disk. First of all calls, once.
  Result<void> start(Now now);

  // ---- What comes in. Answers come from the same call or from a later one. ----
  void propose(rpc::Proposal proposal, rpc::Reply<rpc::Outcome> reply);
  /// A linearizable read is answered as of an index that the leader held for the end of what is
  /// acknowledged after it was asked, whoever is asked.
  void read(Now now, const rpc::Freshness& freshness, Readers::ReadReply reply);
  void change(rpc::Change change, rpc::Reply<rpc::Changed> reply);
  void watch(uint64_t ticket, Offset offset, rpc::Reply<Offset> reply);
  void unwatch(uint64_t ticket) { readers_.unwatch(ticket); }
  /// A drain of the log has ended; it took `took`.
  Result<void> synced(Now now, Duration took);
  Result<void> receive(Now now, raft::Message message);
  /// The next committed entries of the pull with this number, as a member sent them; `taken` is
  /// called, with whether more is welcome, once they are in the log. One batch at a time.
  void pulled(uint64_t number, std::vector<Entry> entries, Pull::Taken taken);
  /// The stream of the pull with this number has ended early: `pulling` says how to go on.
  void pull_broke(uint64_t number) { pull_.again(number, committed_); }
  /// The process is about to stop: from now on takes no writes, and hands leadership over whenever
  /// it has it.
  void hand_over() { handing_over_ = true; }
  /// Whether a write that was taken is not answered yet.
  bool writing() const { return intake_.waiting() > 0 || intake_.in_flight(); }

  /// Does what waits: elections, one submission of all proposals that came together (for up to a
  /// millisecond of fewer than are under way, so that batches grow with the load), a slice of what
  /// may be applied, answers. Returns when it must be called again if nothing comes in.
  Result<Instant> turn(Now now);

  /// Messages for others, in order; taken out.
  std::vector<raft::Message> take_messages();

  /// What consensus wants to be pulled from some other member, if anything.
  const std::optional<Pulling>& pulling() const { return pull_.wanted(); }

  /// Answers everybody who waits with `failure`; what is on its way may or may not last.
  void abandon(const rpc::Failure& failure);

  rpc::NodeStatus status(Now now) const;
  rpc::Members members(Now now) const;
  /// leader, follower or candidate.
  std::string_view role() const;
  Term term() const { return term_; }
  /// True once there is a leader and what was committed at the start is applied.
  bool ready() const;
  bool leads() const { return role_ == raft::Role::leader; }
  /// False where we were a member, by what is applied, and are not any more.
  bool belongs() const { return !gone_.contains(self_.id); }
  /// Entries up to here are committed.
  Index committed() const { return committed_; }
  /// Bytes of all entries that consensus had us append since the start; not of those pulled.
  uint64_t appended_bytes() const { return appended_bytes_; }
  const raft::Configuration& configuration() const { return engine_->configuration(); }
  /// Members that were, by what is applied, and are not any more. Ids are never used again.
  const std::set<MemberId>& gone() const { return gone_; }

  const history::History& history() const { return history_; }
  /// How many records were applied with each verdict but ok.
  const std::map<book::Code, uint64_t>& refused() const { return refused_; }

 private:
  class BookView;

  Result<void> act(Now now, raft::Update update);
  Result<void> append(std::vector<Entry> entries);
  Result<void> acknowledge(Now now);
  Error full(const Error& no_space) const;
  bool worth_submitting(Now now, std::optional<Instant> hesitated_since);
  Result<void> submit(Now now);
  Result<void> change(Now now);
  Result<void> ask_reads(Now now);
  Result<void> go_on_pulling(Now now);
  void answer_reads(const raft::Update& update);
  bool disk_is_slow(Now now) const;
  Result<void> advance();
  Result<void> apply(const Entry& entry);
  void follow(const raft::Update& update);
  void know(const raft::Configuration& configuration);
  bool may_write() const;
  rpc::Failure not_leader() const;
  static rpc::Failure unknown(std::string message, std::string leader);
  std::string leader_address() const;

  const Self self_;
  log::Log& log_;
  std::unique_ptr<raft::Engine> engine_;
  history::History history_;
  Intake intake_;
  Readers readers_;
  Changes changes_;
  Pull pull_;
  std::vector<raft::Message> messages_;

  raft::Role role_ = raft::Role::follower;
  Term term_;
  MemberId leader_;
  MemberId transferee_;  ///< Whom leadership is being handed to.
  Index committed_;
  Index committed_at_start_;
  uint64_t appended_bytes_ = 0;
  Term applied_term_;  ///< Of the last entry applied.
  Instant wake_;
  std::optional<Instant> idle_since_;  ///< Nothing has been appended since; unset once it is saved.

  Index engine_end_;                     ///< The last entry that the engine ordered.
  Index acknowledged_;                   ///< Up to here it was told that its orders are on disk.
  std::optional<Instant> behind_since_;  ///< Since then the disk owes something and does nothing.
  Index synced_then_;                    ///< What it had done when we last looked.
  Instant slow_disk_until_;              ///< It was slow when it wrote last.

  struct Heard {
    Instant at;
    Time wall;
  };
  std::map<MemberId, Heard> heard_;    ///< When each member last said something.
  std::set<std::string> known_names_;  ///< Of every configuration that was applied.
  std::set<MemberId> known_ids_;       ///< Likewise.
  std::set<MemberId> gone_;
  std::map<book::Code, uint64_t> refused_;
  bool handing_over_ = false;
  /// What we wrote as a leader, until it is on our disk and committed.
  struct Submission {
    Index last;
    size_t proposals = 0;
  };
  std::vector<Submission> submissions_;
  std::optional<Instant> hesitates_since_;  ///< What waits could be submitted since then.
};

}  // namespace ledger::node
