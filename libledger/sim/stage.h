// A few members in a test's hands: nothing happens but what it asks for.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "sim/checker.h"

namespace ledger::sim {

/// Engines on disks in memory, each with a clock of its own that stands still until it is moved,
/// and a network that holds every message until it is told to deliver it. A disk writes at once,
/// unless it is told to be slow. Every step is checked as in a simulated cluster. Throws Violation.
class Stage {
 public:
  struct Actor {
    explicit Actor(MemberId member, std::vector<Entry> entries)
        : id(member), log(std::move(entries)) {}

    MemberId id;
    MemberLog log;
    Vote vote;                             ///< Durable.
    std::unique_ptr<raft::Engine> engine;  ///< None: it is down.
    raft::Update last;                     ///< Of its newest step, but for what is done with it.
    Instant now{1'000'000'000};
    bool slow = false;
    Index applied;
    std::vector<raft::ReadGranted> reads;
    std::vector<uint64_t> reads_lost;
  };

  explicit Stage(uint32_t guards_left_out) { settings_.guards_left_out = guards_left_out; }

  /// A member with this on its disk, which is down.
  Actor& add(MemberId id, Vote vote, std::vector<Entry> entries, Index committed);
  void start(Actor& actor);
  /// Takes all but the first `kept` writes that wait for its disk with it.
  void crash(Actor& actor, uint64_t kept);
  /// Lets its clock run until it has something to do by itself, and lets it do that.
  void tick(Actor& actor);
  void sync(Actor& actor);
  /// Why it does not take the event.
  raft::Refusal ask(Actor& actor, raft::Event event);
  /// Writes the committed entries that it wants to pull, as `from` has them, and says so.
  void pull(Actor& actor, const Actor& from);

  /// Messages on their way, oldest first.
  std::deque<raft::Message>& messages() { return messages_; }
  void deliver(raft::Message message);
  /// Links between the two sides lose what is sent from now on.
  void cut(const std::set<MemberId>& side) { side_ = side; }
  void heal() { side_.clear(); }

  Actor& at(MemberId id);
  std::map<MemberId, Actor>& actors() { return actors_; }

  uint64_t message_entries = 1000;  ///< At most, per AppendEntries.
  uint64_t segment_entries = 1000;  ///< The checkpoint lies at a multiple of it.

 private:
  void step(Actor& actor, raft::Event event);
  void act(Actor& actor, raft::Update update);
  void send(Actor& actor, raft::Message message);
  void post(raft::Message message);
  void apply(Actor& actor);

  raft::Settings settings_;
  std::map<MemberId, Actor> actors_;
  std::map<MemberId, const MemberLog*> disks_;
  std::deque<raft::Message> messages_;
  std::set<MemberId> side_;
  Checker checker_;
  std::map<uint64_t, Index> reads_;  ///< What each read must cover.
  uint64_t starts_ = 0;
};

}  // namespace ledger::sim
