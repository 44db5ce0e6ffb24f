#include "dev/state.h"

#include <fmt/format.h>
#include <poll.h>

#include <csignal>
#include <nlohmann/json.hpp>

#include "base/time.h"
#include "io/directory_lock.h"

namespace ledger::dev {
namespace {

using Json = nlohmann::ordered_json;

/// A node that was told to stop when its supervisor died takes at most five seconds.
constexpr int leftover_patience_ms = 8'000;

Json json_of(const io::ProcessMark& mark) {
  return {{"pid", mark.pid}, {"start_ticks", mark.start_ticks}, {"program", mark.program}};
}

io::ProcessMark mark_from(const Json& json) {
  return {.pid = json.at("pid").get<pid_t>(),
          .start_ticks = json.at("start_ticks").get<uint64_t>(),
          .program = json.at("program").get<std::string>()};
}

Json json_of(const NodeState& node) {
  Json json = {{"name", node.name},
               {"rpc", node.rpc},
               {"gossip", node.gossip},
               {"http", node.http},
               {"state", name(node.state)},
               {"desired", name(node.desired)},
               {"process", nullptr},
               {"restarts", node.restarts},
               {"started_at", format_time(node.started)},
               {"last_exit", nullptr},
               {"partitioned_from", node.partitioned_from}};
  if (node.process) json["process"] = json_of(*node.process);
  if (node.last_exit) {
    const io::Exit& exit = node.last_exit->exit;
    json["last_exit"] = {{"code", exit.code},
                         {"signal", exit.signal},
                         {"core", exit.core},
                         {"at", format_time(node.last_exit->at)}};
  }
  return json;
}

NodeState node_from(const Json& json) {
  NodeState node;
  node.name = json.at("name").get<std::string>();
  node.rpc = json.at("rpc").get<std::string>();
  node.gossip = json.at("gossip").get<std::string>();
  node.http = json.at("http").get<std::string>();
  node.state = state_named(json.at("state").get<std::string>()).value();
  node.desired = desired_named(json.at("desired").get<std::string>()).value();
  if (!json.at("process").is_null()) node.process = mark_from(json.at("process"));
  node.restarts = json.at("restarts").get<uint64_t>();
  node.started = parse_time(json.at("started_at").get<std::string>()).value();
  if (const Json& exit = json.at("last_exit"); !exit.is_null()) {
    node.last_exit = {.exit = {.code = exit.at("code").get<int>(),
                               .signal = exit.at("signal").get<int>(),
                               .core = exit.at("core").get<bool>()},
                      .at = parse_time(exit.at("at").get<std::string>()).value()};
  }
  node.partitioned_from = json.at("partitioned_from").get<std::vector<std::string>>();
  return node;
}

/// The state of a plan's nodes, of which nothing is known.
ClusterState resting(const Plan& plan) {
  ClusterState state;
  for (size_t i = 0; i < plan.nodes.size(); ++i) {
    NodeState node;
    node.name = plan.nodes[i];
    node.rpc = plan.rpc(i);
    node.gossip = plan.gossip(i);
    node.http = plan.http(i);
    state.nodes.push_back(std::move(node));
  }
  return state;
}

std::optional<ClusterState> load_state(const Place& place) {
  const auto text = read_file(place.state_path());
  if (!text || !*text) return std::nullopt;
  return state_from_json(**text);
}

}  // namespace

const NodeState* ClusterState::find(std::string_view name) const {
  for (const NodeState& node : nodes) {
    if (node.name == name) return &node;
  }
  return nullptr;
}

std::vector<std::string> ClusterState::endpoints() const {
  std::vector<std::string> all;
  for (const NodeState& node : nodes) all.push_back(node.rpc);
  return all;
}

std::string to_json(const ClusterState& state) {
  Json nodes = Json::array();
  for (const NodeState& node : state.nodes) nodes.push_back(json_of(node));
  const Json json = {{"up", state.up},
                     {"supervisor", json_of(state.supervisor)},
                     {"boot_id", state.boot},
                     {"socket", state.socket},
                     {"nodes", nodes}};
  return json.dump();
}

std::optional<ClusterState> state_from_json(std::string_view text) {
  try {
    const Json json = Json::parse(text);
    ClusterState state;
    state.up = json.at("up").get<bool>();
    state.supervisor = mark_from(json.at("supervisor"));
    state.boot = json.at("boot_id").get<std::string>();
    state.socket = json.at("socket").get<std::string>();
    for (const Json& node : json.at("nodes")) state.nodes.push_back(node_from(node));
    return state;
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  } catch (const std::bad_optional_access&) {
    return std::nullopt;
  }
}

Result<Seen> see(const Place& place) {
  const std::optional<Plan> plan = TRY(load_plan(place));
  if (!plan) {
    return fail(Code::no_such_dev, fmt::format("there is no dev cluster '{}'", place.name()),
                fmt::format("'ledgerctl --dev {} dev up -d' begins it", place.name()));
  }
  Seen seen{.runs = TRY(place.runs()), .plan = *plan, .state = {}};
  std::optional<ClusterState> state = load_state(place);
  // Between taking the lock and its first word a supervisor's predecessor still speaks.
  if (seen.runs && state && io::mark_of(state->supervisor.pid) == state->supervisor) {
    seen.state = *std::move(state);
    return seen;
  }
  seen.state = resting(*plan);
  for (NodeState& node : seen.state.nodes) {
    const NodeState* last = state ? state->find(node.name) : nullptr;
    if (!last) continue;
    node.restarts = last->restarts;
    node.last_exit = last->last_exit;
  }
  return seen;
}

Result<void> clear_leftovers(const Place& place) {
  if (const std::optional<ClusterState> state = load_state(place)) {
    std::vector<io::Descriptor> ends;
    for (const NodeState& node : state->nodes) {
      if (!node.process || state->boot != io::boot_id()) continue;
      // The descriptor first: what it names then can't change any more.
      io::Descriptor process = io::watch_process(node.process->pid);
      if (!process || io::mark_of(node.process->pid) != node.process) continue;
      ::kill(-node.process->pid, SIGKILL);
      ends.push_back(std::move(process));
    }
    for (const io::Descriptor& end : ends) io::wait_readable(end.get(), leftover_patience_ms);
  }
  const Result<std::optional<Plan>> plan = load_plan(place);
  if (!plan || !*plan) return {};
  constexpr int step_ms = 20;
  for (const std::string& node : (*plan)->nodes) {
    const std::string data = place.data_directory(node);
    // One that was started in the supervisor's last moment is recorded nowhere; it ends by itself.
    for (int waited = 0;; waited += step_ms) {
      const auto holder = TRY(io::DirectoryLock::holder(data));
      if (!holder) break;
      if (waited >= leftover_patience_ms) {
        return fail(Code::data_dir_locked,
                    fmt::format("{} is used by pid {}", data, holder->pid.value_or(0)),
                    "stop that process");
      }
      ::poll(nullptr, 0, step_ms);
    }
  }
  return {};
}

}  // namespace ledger::dev
