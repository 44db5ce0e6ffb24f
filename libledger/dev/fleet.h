// The nodes of one cluster as processes: started, signalled, reaped.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dev/life.h"
#include "dev/notices.h"
#include "dev/plan.h"
#include "dev/state.h"
#include "io/clock.h"
#include "io/lifeline.h"

namespace ledger::dev {

/// A node that has SIGTERM gets SIGKILL after so long; its own limit, --stop-timeout, is shorter.
constexpr Duration stop_patience = std::chrono::seconds(10);

/// One node and its process.
struct Member {
  std::string name;
  size_t index = 0;  ///< In the plan.
  Life life;
  std::optional<io::Child> child;
  std::optional<Instant> kill_at;  ///< When it is killed, should it still run.
  bool killed = false;             ///< It had to be, at its last stop.
  uint64_t starts = 0;
  uint64_t readies = 0;  ///< How often it said so, after SIGHUP too.
  std::string status;    ///< What it last said of itself: `leader term 4`.
  Time started;
  std::optional<NodeState::Ended> last_exit;
  std::vector<std::string> cuts;  ///< Lines of its file `faults`: `n2`, `to n3`.
};

/// Threads: one, the process's main thread: a node's life hangs on the thread that started it.
class Fleet {
 public:
  struct Hooks {
    std::function<void(const std::string&)> say;  ///< What somebody may want to read.
    std::function<void(const Member&)> ended;     ///< One has ended, unexpectedly.
  };

  /// `clock` must outlive it. Errors: `io`.
  static Result<std::unique_ptr<Fleet>> make(Place place, Plan plan, Life::Policy policy,
                                             io::Clock& clock, Hooks hooks);

  const Plan& plan() const { return plan_; }
  std::vector<std::unique_ptr<Member>>& members() { return members_; }
  Member* find(std::string_view name);
  const Notices& notices() const { return notices_; }

  /// Adds nodes up to `count`, wanted running, and saves the plan.
  /// Errors: `address_in_use`, `no_space`, `io` …
  Result<void> grow(size_t count);

  /// Starts those whose time has come, kills those who took too long to stop.
  void tend();
  /// When `tend` has something to do next.
  std::optional<Instant> wake() const;

  void start(Member& member);
  void stop(Member& member);
  void restart(Member& member);
  /// Sends `number` to the process; it stays down, unless `again`.
  void kill(Member& member, int number, bool again);
  void pause(Member& member);
  void resume(Member& member);
  /// SIGKILL to each group.
  void kill_all();
  /// Cuts it off as these lines of its file say, and tells it. Errors: `io`, `no_space`.
  Result<void> cut(Member& member, const std::vector<std::string>& lines);

  /// Takes what nodes have said.
  void take_notices();
  /// Reaps who has ended.
  void take_ends();
  /// How many processes there are.
  size_t running() const;

  std::vector<NodeState> states() const;

 private:
  Fleet(Place place, Plan plan, Life::Policy policy, io::Clock& clock, Hooks hooks, Notices notices,
        io::Lifeline lifeline);

  void add_member();
  void spawn(Member& member);
  Result<void> try_to_spawn(Member& member);
  void took_end(Member& member, const io::Exit& exit);

  const Place place_;
  Plan plan_;
  const Life::Policy policy_;
  io::Clock& clock_;
  const Hooks hooks_;
  Notices notices_;
  io::Lifeline lifeline_;
  std::vector<std::string> environment_;
  std::vector<std::unique_ptr<Member>> members_;
};

}  // namespace ledger::dev
