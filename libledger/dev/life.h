// What becomes of one node of a development cluster: pure, so that every rule has a test.
#pragma once

#include <deque>
#include <optional>
#include <string_view>

#include "base/types.h"
#include "io/child.h"

namespace ledger::dev {

enum class State : uint8_t {
  starting,    ///< Runs, and has not said yet that it is ready.
  ready,       ///< Its log is recovered and its listeners answer.
  stopped,     ///< Ended as it was told to.
  paused,      ///< Stands still by SIGSTOP.
  backoff,     ///< Crashed, and is started again soon.
  crash_loop,  ///< Crashed too often.
  exited,      ///< Ended by itself, and starting it again would not help.
};
enum class Desired : uint8_t { running, stopped, paused };

std::string_view name(State state);
std::string_view name(Desired desired);
std::optional<State> state_named(std::string_view name);
std::optional<Desired> desired_named(std::string_view name);

/// The life of one node. What happens to its process is told; what shall be done comes back.
///
/// One that ends unexpectedly is started again after 500 ms, then 1 s, 2 s … at most 10 s, counted
/// from anew once it has run for a minute. The fifth crash in a minute is the last. Exit codes that
/// would come again (and 0: it has left the cluster) are final at once.
class Life {
 public:
  struct Policy {
    bool restart = true;  ///< False: whatever ends stays down.
  };

  State state() const { return state_; }
  Desired desired() const { return desired_; }
  /// Whether there is a process.
  bool runs() const;
  uint64_t restarts() const { return restarts_; }

  /// Its process was started.
  void started(Instant now);
  /// It says that it is ready.
  void ready();
  /// What is wanted of it from now on. Whoever says so signals the process.
  void want(Desired desired);
  /// It shall end now and begin again at once: neither is a crash.
  void want_again();
  /// Its process has ended. True: unexpectedly.
  bool ended(Instant now, const io::Exit& exit, const Policy& policy);
  /// It could not be started at all.
  void failed() { state_ = State::exited; }

  /// When its process is to be started; nothing: not by itself.
  std::optional<Instant> start_at() const;
  /// After a crash: how long it waits.
  Duration backoff() const;

 private:
  State state_ = State::stopped;
  Desired desired_ = Desired::stopped;
  bool again_ = false;
  uint64_t restarts_ = 0;
  uint64_t crashes_in_a_row_ = 0;
  Instant started_at_;
  Instant start_at_;
  std::deque<Instant> crashes_;  ///< Of the last minute.
};

}  // namespace ledger::dev
