// Consensus, log and book as one deterministic unit: the simulator runs this very code.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "history/history.h"
#include "log/log.h"
#include "node/intake.h"
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
/// Threads: one, the loop's. Errors of any method are fatal: stop the process.
class Replica {
 public:
  /// `log` must outlive it.
  Replica(Self self, log::Log& log, std::unique_ptr<raft::Engine> engine);

  /// Tells the engine what is on disk. First of all calls, once.
  Result<void> start(Now now);

  // ---- What comes in. Answers come from the same call or from a later one. ----
  void propose(rpc::Proposal proposal, rpc::Reply<rpc::Outcome> reply);
  void read(Now now, const rpc::Freshness& freshness, Readers::ReadReply reply);
  void change(rpc::Change change, rpc::Reply<rpc::Changed> reply);
  void watch(uint64_t ticket, Offset offset, rpc::Reply<Offset> reply);
  void unwatch(uint64_t ticket) { readers_.unwatch(ticket); }
  Result<void> synced(Now now, const log::Synced& synced);
  Result<void> receive(Now now, raft::Message message);

  /// Does what waits: elections, one submission of all proposals that came together, a slice of
  /// what may be applied, answers. Returns when it must be called again if nothing comes in.
  Result<Instant> turn(Now now);

  /// Messages for others, in order; taken out.
  std::vector<raft::Message> take_messages();

  /// Answers everybody who waits with `failure`; what is on its way may or may not last.
  void abandon(const rpc::Failure& failure);

  rpc::NodeStatus status(Now now) const;
  rpc::Members members() const;
  /// leader, follower or candidate.
  std::string_view role() const;
  Term term() const { return term_; }
  /// True once there is a leader and what was committed at the start is applied.
  bool ready() const;

  const history::History& history() const { return history_; }

 private:
  class BookView;

  Result<void> act(Now now, raft::Update update);
  Result<log::Synced> save(const Vote& vote);
  Result<void> append(std::vector<Entry> entries);
  Result<void> submit(Now now);
  Result<void> advance();
  Result<void> apply(const Entry& entry);
  void follow(const raft::Update& update);
  bool may_write() const;
  rpc::Failure not_leader() const;
  std::string leader_address() const;

  const Self self_;
  log::Log& log_;
  std::unique_ptr<raft::Engine> engine_;
  history::History history_;
  Intake intake_;
  Readers readers_;
  std::vector<raft::Message> messages_;

  raft::Role role_ = raft::Role::follower;
  Term term_;
  MemberId leader_;
  Index committed_;
  Index committed_at_start_;
  Term applied_term_;  ///< Of the last entry applied.
  Instant wake_;
  std::optional<Instant> idle_since_;  ///< Nothing has been appended since; unset once it is saved.
  /// Last index of each submission that is not on our disk yet.
  std::vector<Index> submissions_;
};

}  // namespace ledger::node
