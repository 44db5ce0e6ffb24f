// A node whose log is damaged, until it is whole again.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "io/clock.h"
#include "node/cuts.h"
#include "node/formation.h"
#include "node/journal.h"
#include "node/mender.h"
#include "node/replica.h"
#include "rpc/peer_ports.h"
#include "rpc/ports.h"

namespace ledger::node {

/// Stands where Node will: answers peers who mend their logs from what is whole here, and everybody
/// else that it is not ready and why. It takes part in no consensus: it neither votes nor
/// acknowledges anything.
///
/// Threads: one of its own asks the others and writes the log; the rest from any.
class Mending final : public rpc::Node, public rpc::PeerNode {
 public:
  struct Hooks {
    std::function<void(Level, std::string_view)> tell;
    std::function<void()> done;  ///< Once, from its thread: `outcome` says how it ended.
  };

  /// Looks at the log on `disk`. What is borrowed must outlive it. `contacts` are asked besides the
  /// members that the log names. Errors: as Mender::begin.
  static Result<std::unique_ptr<Mending>> begin(io::Disk& disk, io::Random& random,
                                                io::Clock& clock, uint64_t segment_bytes, Self self,
                                                const Cuts& cuts, std::vector<Contact> contacts,
                                                Hooks hooks);
  Mending(Mender mender, io::Clock& clock, Self self, const Cuts& cuts,
          std::vector<Contact> contacts, Hooks hooks);
  ~Mending() override { stop(); }

  /// Whether there is nobody who could help.
  bool alone() const { return mender_.alone() && contacts_.empty(); }
  /// Alone: nothing if nothing is damaged after all, which is noted; else the first damage.
  Result<void> look_alone();

  void start();
  /// Ends the asking; what is being written is written. Nothing is lost by it.
  void stop();

  /// After `done`, or `stop`: whether the log is mended. Errors: as Mender::next.
  const Result<bool>& outcome() const { return outcome_; }

  void propose(rpc::Proposal proposal, rpc::Reply<rpc::Outcome> reply) override;
  void read(const rpc::Freshness& freshness,
            rpc::Reply<std::reference_wrapper<const rpc::View>> reply) override;
  Result<book::Decided> decided(Offset from, Offset end, size_t bytes_max) override;
  uint64_t watch(Offset offset, rpc::Reply<Offset> reply) override;
  void unwatch(uint64_t) override {}
  void status(rpc::Reply<rpc::NodeStatus> reply) override;
  void members(rpc::Reply<rpc::Members> reply) override;
  void change(rpc::Change change, rpc::Reply<rpc::Changed> reply) override;

  bool receive(MemberId, std::vector<raft::Message>) override { return true; }
  Result<rpc::EntriesGiven> entries(const rpc::EntriesAsked& asked, size_t bytes_max) override;
  void confirm(rpc::Reply<rpc::Leading> reply) override;
  std::vector<raft::Message> outgoing(MemberId, size_t) override { return {}; }

 private:
  Result<bool> run();
  void greet();
  Result<void> ask(const Mender::Question& question);
  void wait(const std::string& why);
  void share();
  bool stopped();
  std::string fetched() const;
  std::string state() const;
  rpc::Failure not_ready() const;

  Mender mender_;
  io::Clock& clock_;
  const Self self_;
  const Cuts& cuts_;
  std::vector<Contact> contacts_;
  const Hooks hooks_;
  const std::unique_ptr<rpc::Questions> questions_;
  std::string told_;                         ///< Why it waits, as told last.
  std::map<std::string, uint64_t> fetched_;  ///< Entries by who gave them.
  Result<bool> outcome_ = false;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool stops_ = false;
  std::shared_ptr<const log::Remains> remains_;  ///< For those who ask.
  std::string state_;                            ///< In plain words.

  std::thread thread_;
};

}  // namespace ledger::node
