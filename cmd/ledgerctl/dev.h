// What the commands about development clusters share.
#pragma once

#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/context.h"
#include "dev/control.h"
#include "dev/state.h"
#include "rpc/ports.h"

namespace ledger::cli {

/// The cluster that `--dev` or its variable names. Without: `default` for a command that begins or
/// deletes one, else the only one that runs, or `default` if none does.
/// Errors: `ambiguous_target`, `invalid_name`, `config_invalid`.
enum class Usual : uint8_t { default_one, running_one };
Checked<dev::Place> chosen_place(const Context& context, Usual usual);

/// A node with what it says of itself; nothing where it was not asked or does not answer.
struct DevNode {
  dev::NodeState state;
  std::optional<rpc::NodeStatus> status;
  std::optional<Error> error;
};

/// Asks all that run, for a second at most, or as long as LEDGERCTL_TIMEOUT says.
std::vector<DevNode> ask_nodes(const Context& context, const dev::ClusterState& state);
/// Rows of `dev status`, as JSON Lines or as a table, for these nodes.
Result<void> print_nodes(Context& context, const dev::Place& place,
                         const std::vector<DevNode>& nodes);
/// The same as JSON for a command that changed them, else their names.
Result<void> print_changed(Context& context, const dev::Place& place,
                           const dev::ClusterState& state, const std::vector<std::string>& names);

/// What a word that names no node comes to: `no_such_node`.
Error no_such_node(const std::string& word, const std::vector<std::string>& nodes);

/// The names of nodes that words such as `n2`, `leader`, `followers`, `any-follower`, `all` mean
/// now, each once. Errors: `no_such_node`, `no_leader`, `cluster_stopped`.
Checked<std::vector<std::string>> resolve_nodes(Context& context, const dev::Place& place,
                                                const std::vector<std::string>& words);

/// The commands that stand in files of their own.
Command dev_up_command();
std::vector<Command> dev_node_commands();
std::vector<Command> dev_chaos_commands();
Command dev_logs_command();

}  // namespace ledger::cli
