// ledgerctl dev: clusters on this machine.
#include "dev.h"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>

#include "cli/json.h"
#include "cli/text.h"
#include "cluster.h"
#include "dev/supervisor.h"
#include "io/directory_lock.h"
#include "io/system_clock.h"
#include "nouns.h"

namespace ledger::cli {
namespace {

constexpr std::chrono::milliseconds look_again(10);

/// `dev list`'s row.
std::string cluster_json(const dev::Place& place, const dev::Plan& plan, std::string_view state,
                         const std::optional<std::string>& leader) {
  return json::Object("cluster")
      .add("name", place.name())
      .add("state", state)
      .add("nodes", plan.nodes.size())
      .add("leader", leader)
      .add("endpoint", plan.rpc(0))
      .add("dir", place.directory())
      .text();
}

/// What a command did to a cluster that is stopped now.
Result<void> print_stopped(Context& context, const dev::Place& place, const dev::Plan& plan) {
  return context.out.line(context.json() ? cluster_json(place, plan, "stopped", {}) : place.name());
}

// ---- down ----

pid_t supervisor_pid = 0;  ///< Whom a second Ctrl-C goes to.

void pass_on(int) {
  ::kill(supervisor_pid, SIGINT);
}

/// Asks the supervisor for the end of its cluster, and waits until it has ended itself.
Checked<void> stop_supervisor(Context& context, const dev::Place& place) {
  const std::optional<Duration> limit = context.settings.timeout(Deadline::waiting);
  const dev::Seen seen = TRY(dev::see(place));
  const auto running = std::ranges::count_if(
      seen.state.nodes, [](const dev::NodeState& node) { return node.process.has_value(); });
  context.report.note(
      fmt::format("stopping {} node{} (again to kill)", running, running == 1 ? "" : "s"));
  supervisor_pid = seen.state.supervisor.pid;
  if (supervisor_pid > 0) std::signal(SIGINT, pass_on);
  const Result<dev::ClusterState> asked =
      dev::ask(place, {.kind = dev::Request::Kind::down, .patience = limit.value_or(Duration(0))});
  // One that ended by itself meanwhile is as good.
  if (!asked && asked.error().code != Code::cluster_stopped) return tl::unexpected(asked.error());
  // It answers with its last breath: the lock goes with the process.
  const rpc::Deadline deadline = waiting(context);
  while (TRY(place.runs())) {
    if (deadline.passed()) {
      return fail(Code::not_ready, fmt::format("the supervisor of '{}' does not end", place.name()),
                  fmt::format("see {}", place.supervisor_log()));
    }
    deadline.pause(look_again);
  }
  return {};
}

/// Stops one cluster. False: nothing was up.
Checked<bool> take_down(Context& context, const dev::Place& place) {
  const bool up = TRY(place.runs());
  if (up) TRY(stop_supervisor(context, place));
  // A supervisor that was killed leaves nodes. Where another has the lock by now, it cleared them.
  if (const auto lock = io::DirectoryLock::take(place.directory(), io::SystemClock().wall())) {
    TRY(dev::clear_leftovers(place));
  }
  return up;
}

Outcome down(Context& context) {
  std::vector<dev::Place> places;
  const bool all = context.args.has("--all");
  if (all) {
    places = dev::known_places();
  } else {
    places.push_back(TRY(chosen_place(context, Usual::running_one)));
  }
  for (const dev::Place& place : places) {
    const dev::Seen seen = TRY(dev::see(place));  // Says also that there is none.
    if (TRY(take_down(context, place))) {
      TRY(print_stopped(context, place, seen.plan));
    } else if (!all) {
      context.report.note(fmt::format("cluster {} is down already", place.name()));
    }
  }
  return 0;
}

// ---- rm ----

Outcome rm(Context& context) {
  const dev::Place place = TRY(chosen_place(context, Usual::default_one));
  if (!context.args.has("--yes")) {
    return fail(Code::confirm_required,
                fmt::format("this deletes the data of cluster '{}'", place.name()),
                "repeat with --yes");
  }
  if (!place.exists()) {
    context.report.note(fmt::format("there is no dev cluster '{}'", place.name()));
    return 0;
  }
  const auto running = [&] {
    return fail(Code::cluster_running, fmt::format("dev cluster '{}' is running", place.name()),
                fmt::format("ledgerctl --dev {} dev down", place.name()));
  };
  if (TRY(place.runs())) return running();
  Result<io::DirectoryLock> lock =
      io::DirectoryLock::take(place.directory(), io::SystemClock().wall());
  if (!lock && lock.error().code == Code::data_dir_locked) return running();
  const io::DirectoryLock held = TRY(std::move(lock));
  TRY(dev::clear_leftovers(place));
  // One whose file is damaged goes too.
  const dev::Plan plan = dev::load_plan(place).value_or(std::nullopt).value_or(dev::Plan());
  TRY(dev::remove(place));
  TRY(print_stopped(context, place, plan));
  return 0;
}

// ---- list, status, env ----

struct Standing {
  std::string state;
  std::optional<std::string> leader;
};

Standing standing_of(const Context& context, const dev::Seen& seen) {
  if (!seen.runs) return {"stopped", {}};
  if (!seen.state.up) return {"starting", {}};
  Standing standing{"running", {}};
  for (const DevNode& node : ask_nodes(context, seen.state)) {
    if (node.state.state != dev::State::ready || node.error) standing.state = "degraded";
    if (node.status && node.status->role == "leader") standing.leader = node.state.name;
  }
  return standing;
}

Outcome list(Context& context) {
  Table table({"NAME", "STATE", "NODES", "LEADER", "ENDPOINT", "DIR"});
  for (const dev::Place& place : dev::known_places()) {
    const Result<dev::Seen> seen = dev::see(place);
    if (!seen) {
      context.report.warning(seen.error().message);
      continue;
    }
    const Standing standing = standing_of(context, *seen);
    if (context.json()) {
      TRY(context.out.line(cluster_json(place, seen->plan, standing.state, standing.leader)));
    } else {
      table.add({place.name(), standing.state, std::to_string(seen->plan.nodes.size()),
                 standing.leader.value_or(""), seen->plan.rpc(0), place.directory()});
    }
  }
  if (!context.json()) TRY(context.out.print(table.text(context.out.width())));
  return 0;
}

/// Whether a node is as somebody wants it.
bool as_desired(const dev::NodeState& node) {
  switch (node.desired) {
    case dev::Desired::running:
      return node.state == dev::State::ready;
    case dev::Desired::stopped:
      return node.state == dev::State::stopped;
    case dev::Desired::paused:
      return node.state == dev::State::paused;
  }
  return false;
}

Outcome status(Context& context) {
  const dev::Place place = TRY(chosen_place(context, Usual::running_one));
  const dev::Seen seen = TRY(dev::see(place));
  const std::vector<DevNode> nodes = ask_nodes(context, seen.state);
  TRY(print_nodes(context, place, nodes));
  if (!context.args.has("--check")) return 0;
  std::string wrong;
  for (const DevNode& node : nodes) {
    if (!node.error && seen.runs && as_desired(node.state)) continue;
    wrong += (wrong.empty() ? "" : ", ") + node.state.name;
  }
  if (wrong.empty()) return 0;
  return fail(Code::not_ready,
              seen.runs ? fmt::format("not as desired: {}", wrong)
                        : fmt::format("cluster '{}' is down", place.name()),
              seen.runs ? "ledgerctl dev logs" : "ledgerctl dev up -d");
}

Outcome env(Context& context) {
  const dev::Place place = TRY(chosen_place(context, Usual::running_one));
  const dev::Seen seen = TRY(dev::see(place));
  std::string value;
  for (const std::string& endpoint : seen.plan.endpoints()) {
    value += (value.empty() ? "" : ",") + endpoint;
  }
  if (context.json()) {
    TRY(context.out.line(
        json::Object("env").add("name", "LEDGERCTL_ENDPOINT").add("value", value).text()));
  } else {
    TRY(context.out.line("export LEDGERCTL_ENDPOINT=" + value));
  }
  return 0;
}

// ---- The commands. ----

const Exit no_such_exit = {66, "no_such_dev"};

Command down_command() {
  return {.path = "dev down",
          .summary = "Stop a cluster: its nodes and their supervisor; data stays",
          .synopsis = "[--all]",
          .examples = {"ledgerctl dev down", "ledgerctl dev down --all"},
          .flags = {{"--all", "", "every dev cluster"}},
          .exits = {{1, "unclean_stop: a node had to be killed"}, no_such_exit},
          .notes = "Down already: exit 0. Ctrl-C meanwhile kills the nodes.",
          .target = Target::none,
          .deadline = Deadline::waiting,
          .run = down};
}

Command rm_command() {
  return {.path = "dev rm",
          .summary = "Delete the data of a cluster that is down",
          .synopsis = "--yes",
          .examples = {"ledgerctl dev rm --yes", "ledgerctl --dev test dev rm --yes"},
          .flags = {{"--yes", "", "do it; without it nothing is attempted"}},
          .exits = {{73, "cluster_running"}},
          .notes = "None there: exit 0 and a note.",
          .target = Target::none,
          .run = rm};
}

Command list_command() {
  return {.path = "dev list",
          .summary = "List the dev clusters of this user",
          .examples = {"ledgerctl dev list", "ledgerctl dev list -o json | jq -r .dir"},
          .target = Target::none,
          .run = list};
}

Command status_command() {
  return {.path = "dev status",
          .summary = "Show the nodes of a cluster",
          .synopsis = "[--check]",
          .examples = {"ledgerctl dev status", "ledgerctl dev status --check -o json"},
          .flags = {{"--check", "", "exit 1 unless every node is as desired"}},
          .exits = {{1, "not_ready (--check)"}, no_such_exit},
          .notes = "Works for a cluster that is down too.",
          .target = Target::none,
          .run = status};
}

Command env_command() {
  return {.path = "dev env",
          .summary = "Print what makes a shell talk to a cluster",
          .examples = {"eval \"$(ledgerctl dev env)\"", "eval \"$(ledgerctl --dev test dev env)\""},
          .exits = {no_such_exit},
          .notes = "For bash, zsh, dash and fish.",
          .target = Target::none,
          .run = env};
}

}  // namespace

Noun dev_noun() {
  Noun noun{"dev",
            "Run clusters on this machine",
            {dev_up_command(), down_command(), rm_command(), list_command(), status_command(),
             env_command(), dev_logs_command()}};
  for (Command& command : dev_node_commands()) noun.commands.push_back(std::move(command));
  for (Command& command : dev_chaos_commands()) noun.commands.push_back(std::move(command));
  return noun;
}

}  // namespace ledger::cli
