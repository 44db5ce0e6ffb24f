// ledgerctl dev start, stop, restart, kill, pause, resume: nodes of a dev cluster as processes.
#include <fmt/format.h>

#include <csignal>

#include "cli/text.h"
#include "dev.h"

namespace ledger::cli {
namespace {

using Kind = dev::Request::Kind;

Outcome act(Context& context, dev::Request request) {
  const dev::Place place = TRY(chosen_place(context, Usual::running_one));
  request.nodes = TRY(resolve_nodes(context, place, context.args.arguments()));
  request.patience = context.settings.timeout(context.command.deadline).value_or(Duration(0));
  const dev::ClusterState state = TRY(dev::ask(place, request));
  TRY(print_changed(context, place, state, request.nodes));
  return 0;
}

Outcome start(Context& context) {
  return act(context, {.kind = Kind::start});
}
Outcome stop(Context& context) {
  return act(context, {.kind = Kind::stop});
}
Outcome restart(Context& context) {
  return act(context, {.kind = Kind::restart});
}
Outcome pause(Context& context) {
  return act(context, {.kind = Kind::pause});
}
Outcome resume(Context& context) {
  return act(context, {.kind = Kind::resume});
}

Outcome kill(Context& context) {
  const std::string name = context.args.value("--signal").value_or("KILL");
  const std::optional<int> number = io::signal_named(name);
  if (!number) {
    return fail(Code::invalid_value,
                fmt::format("--signal: '{}' is no signal", escaped(name, Escape::line)),
                "a name or a number, such as KILL, SEGV, 9");
  }
  return act(context,
             {.kind = Kind::kill, .signal = *number, .again = context.args.has("--restart")});
}

Command node_command(std::string_view path, std::string_view summary,
                     std::vector<std::string_view> examples, Outcome (*run)(Context&)) {
  return {.path = path,
          .summary = summary,
          .synopsis = "NODE…",
          .examples = std::move(examples),
          .arguments = {"NODE", 1, dev::nodes_max},
          .exits = {{1, "not_ready, unclean_stop"}, {66, "no_such_node, no_such_dev"}},
          .notes =
              "NODE is a name, or leader, followers, any-follower or all. Prints the names that\n"
              "were meant; what is so already stays so.",
          .target = Target::none,
          .deadline = Deadline::waiting,
          .run = run};
}

}  // namespace

std::vector<Command> dev_node_commands() {
  std::vector<Command> all = {
      node_command("dev start", "Start nodes that are down, and wait until they are ready",
                   {"ledgerctl dev start n2", "ledgerctl dev start all"}, start),
      node_command("dev stop", "Stop nodes gracefully; they stay down until 'dev start'",
                   {"ledgerctl dev stop n2", "ledgerctl dev stop any-follower"}, stop),
      node_command("dev restart", "Stop nodes gracefully and start them again",
                   {"ledgerctl dev restart leader", "ledgerctl dev restart all"}, restart),
  };
  Command kill_command =
      node_command("dev kill", "Kill nodes, as a crash would; they stay down until 'dev start'",
                   {"ledgerctl dev kill leader && ledgerctl health --wait --nodes 2",
                    "ledgerctl dev kill n2 --signal SEGV --restart"},
                   kill);
  kill_command.synopsis = "NODE… [--signal KILL] [--restart]";
  kill_command.flags = {{"--signal", "NAME", "another signal (default KILL)"},
                        {"--restart", "", "start them again at once, and wait until ready"}};
  kill_command.deadline = Deadline::ordinary;
  all.push_back(kill_command);
  Command pause_command =
      node_command("dev pause", "Let nodes stand still (SIGSTOP), as a machine that hangs",
                   {"ledgerctl dev pause leader", "ledgerctl dev pause n1 n2"}, pause);
  Command resume_command =
      node_command("dev resume", "Let nodes that stand still go on (SIGCONT)",
                   {"ledgerctl dev resume n1", "ledgerctl dev resume all"}, resume);
  pause_command.deadline = resume_command.deadline = Deadline::ordinary;
  all.push_back(pause_command);
  all.push_back(resume_command);
  return all;
}

}  // namespace ledger::cli
