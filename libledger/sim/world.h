// A simulated cluster of whole nodes: the real replica, outbox, engine, log and book, on disks,
// clocks and a network that are not real, in one thread.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <vector>

#include "io/memory_disk.h"
#include "io/seeded_random.h"
#include "log/log.h"
#include "node/mender.h"
#include "node/outbox.h"
#include "node/replica.h"
#include "sim/network.h"
#include "sim/ordeal.h"

namespace ledger::sim {

class Witness;

using Counts = std::map<std::string, uint64_t>;

/// What was on a disk when its member was last up: entries up to `synced`, of these terms.
struct Held {
  Index synced;
  Index base;  ///< Before the first of `terms`; all up to here is committed.
  std::vector<Term> terms;

  /// Of an entry above `base`.
  Term term(Index index) const { return terms[index - base - 1]; }
};

/// One member: a disk that outlives its processes, and the process, if it is up.
struct Machine {
  enum class Fate : uint8_t {
    alive,
    lost,  ///< Its disk is wiped, or damaged with nobody to ask: it never comes back.
    left,  ///< Was taken out of the cluster and has stopped.
  };
  using Event = std::function<Result<void>(node::Replica&, node::Now)>;

  Machine(MemberId member, std::string its_name, uint64_t seed)
      : id(member), name(std::move(its_name)), random(seed) {}

  bool up() const { return replica != nullptr; }
  /// Up, or busy with its log.
  bool runs() const { return up() || mender != nullptr; }
  /// What it should be able to read may be unreadable.
  bool in_trouble() const { return damaged || faulty || disk.stopped(); }

  const MemberId id;
  const std::string name;
  std::string address;
  std::array<uint8_t, 16> hash_key{};
  io::MemoryDisk disk;
  io::SeededRandom random;

  std::unique_ptr<log::Log> log;
  std::unique_ptr<node::Outbox> outbox;
  std::unique_ptr<node::Replica> replica;
  std::unique_ptr<node::Mender> mender;  ///< Instead of all these, while its log is damaged.

  Fate fate = Fate::alive;
  uint64_t life = 0;     ///< Counts its processes.
  bool faulty = false;   ///< Its disk was told to fail.
  bool damaged = false;  ///< Bits of it were flipped that no other copy stands for.
  Held held;             ///< Of the last life.

  int64_t clock_offset = 0;  ///< Of its monotonic clock.
  int64_t clock_ppm = 0;     ///< How much faster than time it runs.
  int64_t wall_offset = 0;   ///< Of its civil clock.
  Instant paused_until;
  Instant slow_until;
  unsigned turns_in_vain = 0;  ///< In a row: no event, and the next one wanted at once.

  /// What was answered to clients in this turn.
  struct Answer {
    bool yes = false;
    std::function<void()> tell;
  };

  std::vector<Event> mailbox;
  std::vector<Answer> answers;
  std::optional<Instant> turn_at;
  std::optional<Instant> drain_at;
  Duration drain_takes{};
  bool writing = false;  ///< That drain is of writes, and takes what it takes, whatever comes.
  std::map<MemberId, bool> sending;
  std::string told;     ///< Its state, as it was last narrated.
  uint64_t stream = 0;  ///< The number of the pull that is under way.

  // As the witness has seen.
  Index applied;
  Index committed;
  std::optional<Term> led;  ///< The term in which it led then.
  std::optional<Offset> end;
  Index kept;  ///< Is committed and was on its disk, in whatever life.
  raft::Configuration configuration;
  raft::Configuration configuration_before;
};

/// The machines, what happens to them and when. Everything that is drawn comes from one Random, so
/// one seed gives one history. Throws Violation.
class World {
 public:
  World(Random& random, const Ordeal& ordeal);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  Instant now() const { return now_; }
  const Ordeal& ordeal() const { return ordeal_; }
  Random& random() { return random_; }
  Network& network() { return network_; }
  Witness& witness() { return *witness_; }
  Counts& counts() { return counts_; }
  uint64_t hash() const { return hash_; }

  std::deque<Machine>& machines() { return machines_; }
  Machine* find(MemberId id);
  Machine* at(const std::string& address);
  Machine* leader();  ///< The one of the highest term among those that are up.
  /// Any one that is not gone for good.
  Machine& any();
  Machine* any_up();       ///< Likewise; nothing where it is down or paused.
  Machine* any_running();  ///< Likewise.

  /// Lets time pass until `until`, or until `done`.
  void advance(
      Instant until, const std::function<bool()>& done = [] { return false; });
  void schedule(Duration delay, std::function<void()> act);
  /// Skipped if that life of the machine has ended, put off while it is paused.
  void schedule(Duration delay, Machine& machine, std::function<void()> act);

  /// Gives a member that is up something to do, in its next turn.
  void post(Machine& machine, Machine::Event event);

  /// A machine with an empty log that nobody knows yet, up.
  Machine& add_machine(std::string name);
  std::string fresh_name() { return "n" + std::to_string(++names_); }

  void start(Machine& machine);
  void start_in(Machine& machine, Duration delay);
  /// Only by mistake: its disk is empty, and it is who it was.
  void start_as_before(Machine& machine);
  /// Ends the process. Its queue of writes may have been on its way to the disk.
  void power_cut(Machine& machine);  ///< What was not synced is lost, torn or kept.
  void kill(Machine& machine);       ///< What was written is there.
  void stop_cleanly(Machine& machine);
  void retire(Machine& machine, Machine::Fate fate);  ///< For ever.
  /// Reads all its sealed segments some time from now, as a node does every day.
  void scrub_in(Machine& machine, Duration delay);

  /// While calm nothing goes wrong by itself.
  void set_calm(bool calm);
  bool calm() const { return calm_; }

  /// Whether a disk holds this entry; that of a member that is down as it was when it went down.
  bool holds(MemberId member, Index index, Term term);
  /// Whether somebody can read this entry from his disk now.
  bool shows(Index index, Term term);

  // Only where somebody listens.
  void tell(const std::string& what);
  void tell(const Machine& machine, const std::string& what);
  void tell_states();  ///< How it stands with all who have not left.
  void mix(uint64_t value) {
    hash_ = (hash_ ^ value) * 0x9e3779b97f4a7c15;
    hash_ ^= hash_ >> 29;
  }

  std::function<void(const std::string&)> narrate;

 private:
  struct Happening {
    Instant at;
    uint64_t order;
    Machine* machine;
    uint64_t life;
    std::function<void()> act;

    bool operator<(const Happening& other) const {
      return std::pair(other.at, other.order) < std::pair(at, order);
    }
  };

  Machine& make_machine(std::string name);
  node::Now clocks(const Machine& machine) const;
  Duration until(const Machine& machine, Instant instant) const;

  void turn(Machine& machine);
  void tell_answers(Machine& machine, bool in_trouble);
  void after(Machine& machine);
  void arrange_turn(Machine& machine, Duration delay);
  void arrange_drain(Machine& machine);
  void drain(Machine& machine);
  void stops(Machine& machine, const Error& error);
  void refuses(Machine& machine, const Error& error);
  void found_damage(Machine& machine, const Error& error);
  void write_a_part(Machine& machine);
  void end(Machine& machine);
  void crash_disk(Machine& machine);
  void note(const Machine& machine);
  void tell(const Machine& machine, const raft::Message& message);
  void tell_state(Machine& machine);  ///< Where it is another than was told.
  std::string state(const Machine& machine) const;

  // Mending.
  void begin_mending(Machine& machine);
  void mend_on(Machine& machine);
  void mending_breaks(Machine& machine, const Error& error);
  void ask(Machine& machine, const node::Mender::Question& question);
  void ask_entries(Machine& machine, Machine& to, const rpc::EntriesAsked& asked);
  void ask_leading(Machine& machine, Machine& to);
  bool connected(const Machine& one, const Machine& other) const;
  template <class T>
  void answer(Machine& machine, Result<T> answer);

  // Traffic.
  void send(Machine& machine);
  void arrange_batch(Machine& machine, MemberId to, Duration delay);
  void send_batch(Machine& machine, MemberId to);
  void carry(Machine& machine, const raft::Message& message);
  void refuse(MemberId from);
  void follow_pull(Machine& machine);
  void pull_batch(Machine& machine, const node::Pulling& pulling, Index next, MemberId source);
  void break_pull(Machine& machine, uint64_t number, Duration delay);

  Random& random_;
  Ordeal ordeal_;
  Network network_;
  std::deque<Machine> machines_;
  std::unique_ptr<Witness> witness_;
  std::priority_queue<Happening> happenings_;
  Instant now_;
  uint64_t order_ = 0;
  uint64_t names_ = 0;
  uint64_t hash_ = 0;
  bool calm_ = false;
  Counts counts_;
};

}  // namespace ledger::sim
