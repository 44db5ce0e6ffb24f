// Rows about the nodes of a dev cluster.
#include <fmt/format.h>

#include <algorithm>

#include "cli/json.h"
#include "cli/text.h"
#include "dev.h"
#include "io/system_clock.h"
#include "roster.h"

namespace ledger::cli {
namespace {

constexpr Duration ask_patience = std::chrono::seconds(1);

/// How long rows wait for nodes: a second, or as long as LEDGERCTL_TIMEOUT says. One that hangs
/// must not hold up a command that has done its work.
Duration ask_limit(const Settings& settings) {
  Duration usual = settings.timeout_ordinary.value_or(ask_patience);
  if (usual == Duration(0)) usual = ask_patience;  // None at all would be for ever.
  return std::min(settings.timeout(Deadline::ordinary).value_or(usual), usual);
}

Duration uptime(const dev::NodeState& state) {
  if (!state.process) return Duration(0);
  return Duration(std::max<int64_t>(io::SystemClock().wall().ns - state.started.ns, 0));
}

std::string exit_json(const dev::NodeState::Ended& ended) {
  json::Object row;
  if (ended.exit.signal != 0) {
    row.add("signal", ended.exit.signal)
        .add("name", io::signal_name(ended.exit.signal))
        .add("core", ended.exit.core);
  } else {
    row.add("code", ended.exit.code);
  }
  return row.add("at", ended.at).text();
}

std::string quoted_list(const std::vector<std::string>& texts) {
  std::vector<std::string> quoted;
  for (const std::string& text : texts) quoted.push_back(json::quote(text));
  return json::array(quoted);
}

std::string node_json(const std::string& cluster, const DevNode& node) {
  const dev::NodeState& state = node.state;
  const auto& status = node.status;
  json::Object row("node");
  row.add("ok", !node.error)
      .add("cluster", cluster)
      .add("name", state.name)
      .add("state", dev::name(state.state))
      .add("desired", dev::name(state.desired))
      .add("pid", state.process ? std::optional(state.process->pid) : std::nullopt)
      .add("role", status ? status->role : "unknown")
      .add("term", status ? std::optional(status->term) : std::nullopt)
      .add("applied", status ? std::optional(status->applied) : std::nullopt)
      .add("rpc", state.rpc)
      .add("gossip", state.gossip)
      .add("http", state.http)
      .add("restarts", state.restarts)
      .add("uptime_ms",
           std::chrono::duration_cast<std::chrono::milliseconds>(uptime(state)).count())
      .add_json("last_exit", state.last_exit ? exit_json(*state.last_exit) : "null")
      .add_json("partitioned_from", quoted_list(state.partitioned_from));
  if (node.error) row.add_json("error", error_json(*node.error));
  return row.text();
}

std::string uptime_text(const dev::NodeState& state) {
  if (!state.process) return "";
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(uptime(state)).count();
  if (seconds < 60) return fmt::format("{}s", seconds);
  if (seconds < 3600) return fmt::format("{}m{}s", seconds / 60, seconds % 60);
  return fmt::format("{}h{}m", seconds / 3600, seconds / 60 % 60);
}

std::string exit_text(const dev::NodeState& state) {
  if (!state.last_exit) return "";
  const io::Exit& exit = state.last_exit->exit;
  return exit.signal != 0 ? io::signal_name(exit.signal) : fmt::format("{}", exit.code);
}

std::vector<std::string> cells(const DevNode& node) {
  const dev::NodeState& state = node.state;
  const auto& status = node.status;
  std::string how(dev::name(state.state));
  for (size_t i = 0; i < state.partitioned_from.size(); ++i) {
    how += (i == 0 ? " (partitioned from " : ",") + state.partitioned_from[i];
  }
  if (!state.partitioned_from.empty()) how += ")";
  return {state.name,
          how,
          state.process ? std::to_string(state.process->pid) : "",
          status ? status->role : "",
          status ? std::to_string(status->term.value) : "",
          status ? std::to_string(status->applied.value) : "",
          state.rpc,
          state.http,
          std::to_string(state.restarts),
          uptime_text(state),
          exit_text(state)};
}

bool answers(const dev::NodeState& state) {
  return state.state == dev::State::ready || state.state == dev::State::starting;
}

}  // namespace

std::vector<DevNode> ask_nodes(const Context& context, const dev::ClusterState& state) {
  std::vector<DevNode> nodes;
  std::vector<std::string> addresses;
  for (const dev::NodeState& node : state.nodes) {
    nodes.push_back({node, {}, {}});
    if (answers(node)) addresses.push_back(node.rpc);
  }
  if (addresses.empty()) return nodes;
  const auto client =
      rpc::Client::create({.endpoints = addresses,
                           .patience = {rpc::Patience::Kind::whole, ask_limit(context.settings)}});
  if (!client) return nodes;
  std::vector<Result<rpc::NodeStatus>> statuses = (*client)->statuses_of(addresses);
  size_t at = 0;
  for (DevNode& node : nodes) {
    if (!answers(node.state)) continue;
    Result<rpc::NodeStatus>& status = statuses[at++];
    if (status) {
      node.status = *std::move(status);
    } else if (node.state.state == dev::State::ready) {
      node.error = status.error();
    }
  }
  return nodes;
}

Result<void> print_nodes(Context& context, const dev::Place& place,
                         const std::vector<DevNode>& nodes) {
  Table table({"NODE", "STATE", "PID", "ROLE", "TERM", "APPLIED", "RPC", "HTTP", "RESTARTS",
               "UPTIME", "LAST-EXIT"});
  for (const DevNode& node : nodes) {
    if (context.json()) {
      TRY(context.out.line(node_json(place.name(), node)));
    } else {
      table.add(cells(node));
    }
  }
  if (context.json()) return {};
  return context.out.print(table.text(context.out.width()));
}

Result<void> print_changed(Context& context, const dev::Place& place,
                           const dev::ClusterState& state, const std::vector<std::string>& names) {
  if (context.json()) {
    dev::ClusterState changed;
    for (const std::string& name : names) {
      if (const dev::NodeState* node = state.find(name)) changed.nodes.push_back(*node);
    }
    return print_nodes(context, place, ask_nodes(context, changed));
  }
  for (const std::string& name : names) TRY(context.out.line(name));
  return {};
}

Error no_such_node(const std::string& word, const std::vector<std::string>& nodes) {
  std::string hint = word.find(',') != std::string::npos
                         ? "write the names apart, such as n1 n2"
                         : fmt::format("there {} {}", nodes.size() == 1 ? "is only" : "are",
                                       fmt::join(nodes, ", "));
  return {Code::no_such_node, fmt::format("no node '{}'", escaped(word, Escape::line)),
          std::move(hint)};
}

Checked<std::vector<std::string>> resolve_nodes(Context& context, const dev::Place& place,
                                                const std::vector<std::string>& words) {
  const dev::Seen seen = TRY(dev::see(place));
  if (!seen.runs) {
    return fail(Code::cluster_stopped, fmt::format("dev cluster '{}' is not running", place.name()),
                fmt::format("ledgerctl --dev {} dev up -d", place.name()));
  }
  std::vector<DevNode> nodes;  // Asked only where a word depends on it.
  const auto roles = [&]() -> const std::vector<DevNode>& {
    if (nodes.empty()) nodes = ask_nodes(context, seen.state);
    return nodes;
  };
  std::vector<std::string> names;
  const auto add = [&](const std::string& name) {
    if (std::ranges::find(names, name) == names.end()) names.push_back(name);
  };
  for (const std::string& word : words) {
    const size_t before = names.size();
    if (word == "all") {
      for (const dev::NodeState& node : seen.state.nodes) add(node.name);
    } else if (word == "leader") {
      const auto client = TRY(rpc::Client::create(
          {.endpoints = seen.plan.endpoints(),
           .patience = {rpc::Patience::Kind::whole,
                        context.settings.timeout(Deadline::ordinary).value_or(ask_patience)}}));
      add(TRY(asked(*client, client->leader())).node);
    } else if (word == "followers" || word == "any-follower") {
      for (const DevNode& node : roles()) {
        if (!node.status || node.status->role != "follower") continue;
        add(node.state.name);
        if (word == "any-follower") break;
      }
      if (names.size() == before) {
        return fail(Code::no_such_node, "no follower answers", "ledgerctl dev status");
      }
    } else if (seen.state.find(word)) {
      add(word);
    } else {
      return tl::unexpected<Error>(no_such_node(word, seen.plan.nodes));
    }
  }
  return names;
}

}  // namespace ledger::cli
