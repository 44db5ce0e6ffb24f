// What a supervisor sees of its cluster: the file state.json.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/types.h"
#include "dev/life.h"
#include "dev/place.h"
#include "dev/plan.h"

namespace ledger::dev {

struct NodeState {
  std::string name;
  std::string rpc;
  std::string gossip;
  std::string http;
  State state = State::stopped;
  Desired desired = Desired::stopped;
  std::optional<io::ProcessMark> process;
  uint64_t restarts = 0;
  Time started;  ///< Of the process.
  struct Ended {
    io::Exit exit;
    Time at;
  };
  std::optional<Ended> last_exit;
  std::vector<std::string> partitioned_from;
};

struct ClusterState {
  bool up = false;  ///< Every node was ready once since the supervisor began.
  io::ProcessMark supervisor;
  std::string boot;  ///< Marks mean nothing in another one.
  std::string socket;
  std::vector<NodeState> nodes;

  const NodeState* find(std::string_view name) const;
  std::vector<std::string> endpoints() const;
};

std::string to_json(const ClusterState& state);
/// Nothing for what is not the text of a state.
std::optional<ClusterState> state_from_json(std::string_view text);

/// The cluster as it is: what its supervisor wrote if one runs, else its plan with all nodes
/// stopped, and what they were when the last one ended. Errors: `no_such_dev`, `config_invalid`,
/// `file_permission`, `io`.
struct Seen {
  bool runs = false;
  Plan plan;
  ClusterState state;
};
Result<Seen> see(const Place& place);

/// Ends what a supervisor that was killed, or a power cut, has left: groups of recorded processes,
/// where they are still the same. Waits until the nodes' data directories are free. Call it with
/// the lock held. Errors: `data_dir_locked`.
Result<void> clear_leftovers(const Place& place);

}  // namespace ledger::dev
