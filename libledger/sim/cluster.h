// Many engines on one thread from one seed: disks in memory, a virtual clock, a bad network.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <queue>

#include "sim/checker.h"
#include "sim/plan.h"

namespace ledger::sim {

/// What one member does and what of it would survive.
struct Member {
  Member(MemberId member, std::vector<Entry> founding) : id(member), log(std::move(founding)) {}

  MemberId id;
  MemberLog log;
  Vote vote;                             ///< Durable.
  std::unique_ptr<raft::Engine> engine;  ///< None: it is down.
  uint64_t life = 0;                     ///< Counts starts; what was meant for another is dropped.
  raft::Role role = raft::Role::follower;
  Term term;
  Index committed;
  Index applied;
  Instant wake;                      ///< By its own clock.
  std::optional<Instant> wake_next;  ///< When it will be woken, by the simulation's.
  int64_t clock_offset = 0;
  int64_t clock_ppm = 0;  ///< How much too fast its clock is.
  Instant paused_until;
  Instant slow_until;
  std::optional<raft::Pull> pull;
  uint64_t pulls = 0;
  Index pulled;         ///< Last entry of this pull that was written.
  bool served = false;  ///< A piece of the pull is on its way.
  uint64_t reads_granted = 0;

  bool up() const { return engine != nullptr; }
};

/// A run's counts, for the last line of a report.
using Counts = std::map<std::string, uint64_t>;

/// The engines and the world around them. Everything happens in `advance`, in one order for one
/// seed. Throws Violation where a promise of consensus is broken.
class Cluster {
 public:
  Cluster(Random& random, const Plan& plan, uint32_t guards_left_out);

  /// Lets everything happen up to `until`, or until `done`.
  void advance(
      Instant until, const std::function<bool()>& done = [] { return false; });
  Instant now() const { return now_; }

  /// Lets `act` happen after `delay`; with a member, only in its present life and not while paused.
  void schedule(Duration delay, std::function<void()> act);
  void schedule(Duration delay, const Member& member, std::function<void()> act);

  std::deque<Member>& members() { return members_; }
  /// The one that believes to lead, in the highest term; null for none.
  Member* leader();
  Member* find(MemberId id);
  /// A new member with an empty log, running.
  Member& add_member();

  void start(Member& member);
  void crash(Member& member);
  void step(Member& member, raft::Event event);
  /// Proposes and says why not.
  raft::Refusal propose(Member& member, std::vector<Entry> entries);
  raft::Refusal ask(Member& member, raft::Event event);
  /// Asks for a linearizable read and remembers what it must cover.
  void read(Member& member);
  /// When the first of those reads was asked that are neither granted nor lost, by a crash either.
  std::optional<Instant> oldest_read() const;
  Entry record();

  Network& network() { return network_; }
  Checker& checker() { return checker_; }
  Counts& counts() { return counts_; }
  const Plan& plan() const { return plan_; }
  uint64_t hash() const { return hash_; }
  /// The number of the newest record that was acknowledged.
  int64_t acknowledged_record() const { return acknowledged_record_; }
  int64_t last_record() const { return records_; }
  /// While calm: no slow disks, pauses or crashes in mid-vote, and quick pulls.
  void set_calm(bool calm);

  /// Receives a line for each step.
  std::function<void(const std::string&)> narrate;

 private:
  struct Happening {
    Instant at;
    uint64_t order;
    Member* member;
    uint64_t life;
    std::function<void()> act;

    friend bool operator<(const Happening& a, const Happening& b) {
      return std::pair(a.at, a.order) >
             std::pair(b.at, b.order);  // The queue's top is the largest.
    }
  };

  struct ReadWaiting {
    Index covers;  ///< What was acknowledged when it was asked.
    const Member* member;
    uint64_t life;
    Instant asked;
  };

  void act(Member& member, raft::Update update);
  void take_reads(Member& member, const raft::Update& update);
  void append(Member& member, const std::vector<Entry>& entries);
  void send(Member& member, raft::Message message);
  void post(const raft::Message& message);
  void apply(Member& member);
  void drain(Member& member);
  void arrange_wake(Member& member);
  void follow_pull(Member& member, const std::optional<raft::Pull>& pull);
  void pull_step(Member& member, uint64_t pull);
  void pull_arrived(Member& member, uint64_t pull, const std::vector<Entry>& entries);
  void note(const Member& member, const raft::Update& update);
  Instant local(const Member& member) const;
  Duration until(const Member& member, Instant local_instant) const;

  Random& random_;
  Plan plan_;
  Network network_;
  Checker checker_;
  std::deque<Member> members_;  ///< Never moved.
  std::map<MemberId, const MemberLog*> disks_;
  std::priority_queue<Happening> happenings_;
  Instant now_;
  bool calm_ = false;
  uint64_t order_ = 0;
  uint64_t hash_ = 0;
  int64_t records_ = 0;
  int64_t acknowledged_record_ = 0;
  uint64_t reads_ = 0;
  std::map<uint64_t, ReadWaiting> reads_waiting_;
  raft::Refusal refused_ = raft::Refusal::none;  ///< Of the last step.
  Counts counts_;
};

}  // namespace ledger::sim
