// The process that a development cluster hangs on: it starts the nodes, watches them, answers
// commands, and takes everything down with it, however it ends.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "dev/plan.h"
#include "dev/state.h"

namespace ledger::dev {

struct UpOptions {
  std::optional<size_t> nodes;          ///< Nothing: as many as there are, or three.
  std::optional<uint16_t> base_port;    ///< Of a new cluster; it is not moved.
  std::vector<std::string> node_flags;  ///< Empty: those of last time.
  bool restart = true;                  ///< Start again what crashes.
  bool fail_fast = false;               ///< The first unexpected end stops everything.
  bool ephemeral = false;               ///< Delete the data when it stops.
  bool wait = true;                     ///< Until the cluster is healthy.
  bool keep_on_failure = false;         ///< Leave running what has started.
  std::optional<Duration> patience;     ///< Until it is healthy; nothing: for ever.
  /// Stop when the process that started us ends.
  bool follow_parent = false;
  /// Stop when the reader of this pipe is gone before the cluster is ready; -1: none.
  int verdict = -1;
};

/// How a cluster ended.
struct Ended {
  std::optional<Error> error;      ///< Nothing: cleanly, once it had been ready.
  std::string guilty;              ///< The node whose end is the error.
  std::vector<std::string> lines;  ///< The last of its log.
  int signal = 0;                  ///< Stopped by it before it was ready.
};

/// Who watches a supervisor. Called from its thread; must not wait.
class Screen {
 public:
  virtual ~Screen() = default;
  /// The supervisor's own words, one line.
  virtual void say(const std::string& line) = 0;
  /// Lines of the log of the node at `index`.
  virtual void show(size_t index, const std::string& node,
                    const std::vector<std::string>& lines) = 0;
  /// Whether `show` is to be called, and can be now.
  virtual bool wants_logs() = 0;
  /// The cluster is ready, after so long. Without a time: it has begun, and nobody waits.
  virtual void ready(const ClusterState& state, std::optional<Duration> took) = 0;
  /// It did not become ready, and what has started is kept as it is.
  virtual void kept(const Ended& ended) = 0;
};

/// Whether a cluster of nodes at these addresses is healthy now; else why not, in a few words. May
/// take a second. Called from a thread of its own.
using Healthy =
    std::function<Result<void>(const std::vector<std::string>& endpoints, size_t nodes)>;

/// Begins or continues the cluster at `place` and stays until it has stopped. Call it from the main
/// thread, before any other begins: it blocks signals, and nodes live as long as this thread.
///
/// Of a cluster that was new and did not become ready nothing stays.
///
/// Errors, before anything was started: `data_dir_locked` (a supervisor runs), `shrink_refused`,
/// `address_in_use`, `usage`, `config_invalid`, `file_permission`, `no_space`, `io`.
Result<Ended> supervise(const Place& place, const UpOptions& options, Screen& screen,
                        const Healthy& healthy);

/// Whether a cluster that there is can become what `options` ask: its ports stay, and its nodes
/// never get fewer. Errors: `shrink_refused`, `usage`.
Result<void> check_asked(const Place& place, const Plan& plan, const UpOptions& options);

/// The plan that `options` make of what there is: nothing is written.
/// Errors: `shrink_refused`, `address_in_use`, `usage`.
Result<Plan> planned(const Place& place, const std::optional<Plan>& before,
                     const UpOptions& options);

/// Deletes the directory of a cluster whose lock is held. Errors: `io`, `file_permission`.
Result<void> remove(const Place& place);

/// Some code with the exit code that a node had.
Code code_of_exit(const io::Exit& exit);

}  // namespace ledger::dev
