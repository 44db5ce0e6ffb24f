// The engine: libraft's core with the guards around it.
#pragma once

#include "raft/core.h"
#include "raft/guards.h"
#include "raft/read_asks.h"
#include "raft/read_rounds.h"

namespace ledger::raft {

/// See Engine. Each event becomes one or more steps of the core; what they ask for is gathered into
/// one update.
class LibraftEngine final : public Engine {
 public:
  LibraftEngine(MemberId self, const Settings& settings, uint64_t seed);

  Result<Update> start(Instant now, const DurableState& state) override;
  Result<Update> step(Instant now, Event event) override;
  Status status() const override;
  const Configuration& configuration() const override { return trail_.configuration(); }

 private:
  Result<void> on(const Tick&) { return {}; }
  Result<void> on(Received& received);
  Result<void> on(Proposed& proposed);
  Result<void> on(const Synced& synced);
  Result<void> on(const Pulled& pulled);
  Result<void> on(const CatchUp& catch_up);
  Result<void> on(const Transfer& transfer);
  Result<void> on(const ReadAsked& asked);

  // A message by its body. `message.body` has been moved from in the first.
  Result<void> receive(const Message& message, AppendEntries body);
  Result<void> receive(const Message& message, const InstallSnapshot& body);
  Result<void> receive(const Message& message, const RequestVote& body);
  Result<void> receive(const Message& message, const RequestVoteResult&) {
    return feed(message, {});
  }
  Result<void> receive(const Message& message, AppendEntriesResult body);
  Result<void> receive(const Message& message, const TimeoutNow&);
  Result<void> receive(const Message& message, const ReadProbe& body);
  Result<void> receive(const Message& message, const ReadProbeResult& body);
  Result<void> receive(const Message& message, const ReadIndexAsk& body);
  Result<void> receive(const Message& message, const ReadIndexAnswer& body);

  /// Gives the core a message as it is.
  Result<void> feed(const Message& message, const std::vector<Entry>& entries);
  Result<void> vote_as_non_voter(const Message& message, const RequestVote& body);

  /// Gathers what a step asked for; `entries` are those it was given.
  void take(CoreUpdate update, const std::vector<Entry>& entries);
  void send(Message message);
  void reply(MemberId to, Term term, decltype(Message::body) body);

  Refusal refusal(const std::vector<Entry>& entries) const;
  Refusal refusal_of_change(const Entry& entry) const;

  /// Runs the core's timeout, or makes a sole voter lead, when it is due.
  Result<void> see_to_time();
  /// Does what follows by itself: a leader's first entry, a committed configuration.
  Result<void> settle();
  /// Goes on with the reads of this leadership, loses those of an ended one.
  void see_to_reads();
  void see_to_rounds();  ///< Where we lead: sends probes, grants what is confirmed.
  void see_to_asks();    ///< Where we follow: sends the ask, gives up one that nobody answers.
  void lose_reads();
  Update finish();

  /// Begins another life of the core from what is on disk, which is everything, and `vote`.
  Result<void> restart(const Vote& vote);
  /// No append waits for Synced.
  bool idle() const { return core_->stored() == trail_.last(); }
  /// The library believes what we believe of the log. Its assertions are compiled out, so whatever
  /// it got wrong shows here, or never.
  bool in_step() const;
  bool sole_voter() const;
  /// An entry of our own term, in which we lead, is committed.
  bool settled() const;
  bool leader_heard_lately() const;
  bool guarded(Guard guard) const {
    return (settings_.guards_left_out >> static_cast<unsigned>(guard) & 1) == 0;
  }
  uint32_t next_seed();

  MemberId self_;
  Settings settings_;
  uint64_t seed_;
  std::optional<Core> core_;             ///< None before `start` and after a fatal error.
  Trail trail_;                          ///< What the core believes to be our log.
  Index committed_;                      ///< The highest ever known.
  Term led_;                             ///< The last term in which we, leading, appended an entry.
  std::optional<MemberId> watched_;      ///< Whose catch-up `status` tells.
  bool caught_up_at_once_ = false;       ///< It had nothing to catch up with.
  std::optional<Instant> leader_heard_;  ///< When a leader of the current term last spoke.
  std::optional<Message> install_;       ///< The InstallSnapshot whose entries are being pulled.
  ReadRounds rounds_;      ///< Reads where we lead: ours and those that others ask for.
  ReadAsks asks_;          ///< Reads where we follow.
  MemberId reads_leader_;  ///< The leadership that all of them were asked of.
  Term reads_term_;
  Instant reads_again_;  ///< When a round or an ask under way repeats its messages.
  Instant asks_until_;   ///< When an ask under way is given up.
  Instant now_;
  Update update_;
};

}  // namespace ledger::raft
