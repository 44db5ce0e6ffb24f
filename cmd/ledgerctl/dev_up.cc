// ledgerctl dev up: begin or continue a cluster on this machine.
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <thread>

#include "cli/json.h"
#include "cli/signals.h"
#include "cli/text.h"
#include "cluster.h"
#include "dev.h"
#include "dev/logs.h"
#include "dev/supervisor.h"
#include "dev_screen.h"
#include "health.h"
#include "io/local_socket.h"
#include "io/system_clock.h"

namespace ledger::cli {
namespace {

constexpr Duration look_limit = std::chrono::milliseconds(700);
constexpr const char* verdict_variable = "LEDGERCTL_VERDICT_FD";

/// Flags of `node start` that the supervisor sets itself.
constexpr auto own_flags = std::to_array<std::string_view>(
    {"--name", "--data-dir", "--listen", "--gossip", "--http", "--advertise", "--peers", "--join",
     "--bootstrap", "--bootstrap-expect", "--config", "--log-format"});

Checked<dev::UpOptions> read_options(const Context& context) {
  dev::UpOptions options;
  if (const auto text = context.args.value("--nodes")) {
    options.nodes = TRY(parse_count("--nodes", *text, dev::nodes_max));
    if (*options.nodes == 0) {
      return fail(Code::invalid_value, "--nodes: 0 nodes are no cluster", "1 to 9");
    }
  }
  if (const auto text = context.args.value("--base-port")) {
    constexpr uint64_t port_max = dev::port_end - dev::nodes_max * dev::ports_per_node;
    options.base_port = static_cast<uint16_t>(TRY(parse_count("--base-port", *text, port_max)));
  }
  if (const auto text = context.args.value("--restart")) {
    options.restart = TRY(parse_choice("--restart", *text, "on-crash|never")) == "on-crash";
  }
  if (context.args.plain() > 0) {
    return fail(Code::usage,
                fmt::format("unexpected argument '{}' for 'dev up'",
                            escaped(context.args.arguments()[0], Escape::line)),
                "flags for the nodes stand after --");
  }
  options.node_flags = context.args.arguments();
  for (const std::string& flag : options.node_flags) {
    if (std::ranges::find(own_flags, flag.substr(0, flag.find('='))) != own_flags.end()) {
      return fail(Code::usage, fmt::format("'dev up' sets {} itself", flag),
                  "leave it out: each node has its own");
    }
  }
  options.fail_fast = context.args.has("--fail-fast");
  options.ephemeral = context.args.has("--ephemeral");
  options.wait = !context.args.has("--no-wait");
  options.keep_on_failure = context.args.has("--keep-on-failure");
  options.patience = context.settings.timeout(Deadline::waiting);
  return options;
}

/// The flags of `options` once more, for the process that shall be the supervisor.
std::vector<std::string> words_of(const dev::Place& place, const Context& context) {
  std::vector<std::string> words = {"ledgerctl", "--dev", place.name(), "dev", "up"};
  for (const char* flag : {"--nodes", "--base-port", "--restart"}) {
    if (const auto text = context.args.value(flag)) words.insert(words.end(), {flag, *text});
  }
  for (const char* flag : {"--fail-fast", "--ephemeral", "--no-wait", "--keep-on-failure"}) {
    if (context.args.has(flag)) words.emplace_back(flag);
  }
  if (const auto text = context.args.value("--timeout")) words.insert(words.end(), {"-t", *text});
  const std::vector<std::string>& rest = context.args.arguments();
  if (!rest.empty()) words.emplace_back("--");
  words.insert(words.end(), rest.begin(), rest.end());
  return words;
}

dev::Healthy healthy_by(const Context& context) {
  return [&context](const std::vector<std::string>& endpoints, size_t nodes) -> Result<void> {
    const Checked<void> asked = ask_health(context, endpoints, nodes, look_limit);
    if (!asked) return fail(asked.error().code, asked.error().message, asked.error().hint);
    return {};
  };
}

// ---- A cluster that runs already. ----

Outcome print_status(Context& context, const dev::Place& place, const dev::ClusterState& state) {
  TRY(print_nodes(context, place, ask_nodes(context, state)));
  return 0;
}

/// What became of an attempt; nothing: it met a supervisor that comes or goes, so look again.
using Attempt = Checked<std::optional<int>>;

/// Whether there is a supervisor that answers: one that was killed holds its lock a moment longer.
Checked<bool> answers(const dev::Place& place) {
  const Result<dev::ClusterState> asked =
      dev::ask(place, {.kind = dev::Request::Kind::start, .patience = std::chrono::seconds(10)});
  if (!asked && asked.error().code == Code::cluster_stopped) return false;
  if (!asked) return tl::unexpected(asked.error());
  return true;
}

/// Waits as a new cluster's starter does, until it is healthy.
Checked<void> wait_for_health(Context& context, const dev::Plan& plan) {
  const rpc::Deadline deadline = waiting(context);
  for (;;) {
    const Checked<void> healthy =
        ask_health(context, plan.endpoints(), plan.nodes.size(), look_limit);
    if (healthy) return {};
    if (deadline.passed()) {
      return fail(Code::not_ready, "the cluster is not healthy: " + healthy.error().message,
                  "raise --timeout; see 'ledgerctl dev logs'");
    }
    deadline.pause(std::chrono::milliseconds(50));
  }
}

/// Of what is asked, what only a start could give.
Checked<void> check_running(Context& context, const dev::Place& place, const dev::Plan& plan,
                            const dev::UpOptions& options) {
  TRY(dev::check_asked(place, plan, options));
  if (!options.node_flags.empty() && options.node_flags != plan.node_flags) {
    return fail(Code::usage,
                fmt::format("the nodes of cluster '{}' run with other flags", place.name()),
                fmt::format("'ledgerctl --dev {} dev down' first", place.name()));
  }
  for (const char* flag : {"--restart", "--fail-fast", "--ephemeral"}) {
    if (context.args.has(flag)) {
      context.report.note(fmt::format("{} has no effect on a cluster that runs", flag));
    }
  }
  return {};
}

Attempt join_running(Context& context, const dev::Place& place, const dev::UpOptions& options) {
  if (!TRY(answers(place))) return std::nullopt;
  dev::Seen seen = TRY(dev::see(place));
  if (!seen.runs) return std::nullopt;
  TRY(check_running(context, place, seen.plan, options));
  if (options.nodes && *options.nodes != seen.plan.nodes.size()) {
    TRY(dev::ask(place, {.kind = dev::Request::Kind::grow,
                         .count = *options.nodes,
                         .patience = options.patience.value_or(Duration(0))}));
    seen = TRY(dev::see(place));
    if (options.wait) TRY(wait_for_health(context, seen.plan));
    context.report.note(fmt::format("cluster {} has {} nodes", place.name(), *options.nodes));
    return print_status(context, place, seen.state);
  }
  // One that is just starting is waited for; one with stopped nodes is as somebody wants it.
  if (options.wait && !seen.state.up) {
    TRY(wait_for_health(context, seen.plan));
    seen = TRY(dev::see(place));
  }
  context.report.note(fmt::format("cluster {} runs already", place.name()));
  return print_status(context, place, seen.state);
}

// ---- Here, in the foreground. ----

/// What a supervisor's end is to whoever called it.
Outcome outcome_of(Context& context, const dev::Ended& ended) {
  for (const std::string& line : ended.lines) {
    context.report.note(fmt::format("{} | {}", ended.guilty, escaped(line, Escape::line)));
  }
  if (ended.signal != 0) return 128 + ended.signal;
  if (ended.error) return tl::unexpected(*ended.error);
  return 0;
}

Attempt run_here(Context& context, const dev::Place& place, const dev::UpOptions& asked) {
  dev::UpOptions options = asked;
  options.follow_parent = true;
  TerminalScreen screen(context, place);
  Result<dev::Ended> ended = dev::supervise(place, options, screen, healthy_by(context));
  if (!ended && ended.error().code == Code::data_dir_locked && place.runs().value_or(false)) {
    return join_running(context, place, options);
  }
  const dev::Ended how = TRY(std::move(ended));
  if (const auto failed = screen.failed()) return tl::unexpected(*failed);
  return TRY(outcome_of(context, how));
}

// ---- Detached: the supervisor's side. ----

Outcome run_detached(Context& context, const dev::Place& place, dev::UpOptions options,
                     int verdict) {
  ::fcntl(verdict, F_SETFD, FD_CLOEXEC);
  options.verdict = verdict;
  VerdictScreen screen(verdict);
  const Result<dev::Ended> ended = dev::supervise(place, options, screen, healthy_by(context));
  if (!ended) {
    screen.failed({.error = ended.error(), .guilty = {}, .lines = {}});
    return tl::unexpected(ended.error());
  }
  if (ended->error || ended->signal != 0) screen.failed(*ended);
  return outcome_of(context, *ended);
}

// ---- Detached: the starter's side. ----

std::vector<std::string> supervisor_environment() {
  std::vector<std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    // What was settled here stands in its words; a configuration file is found as it was.
    if (!text.starts_with("LEDGERCTL_") || text.starts_with("LEDGERCTL_CONFIG=")) {
      all.emplace_back(text);
    }
  }
  all.push_back(fmt::format("{}=3", verdict_variable));
  return all;
}

/// Waits for the verdict. A signal goes on to the supervisor, which takes back what it has begun.
Checked<std::optional<Verdict>> await_verdict(io::Child& supervisor, int pipe) {
  VerdictReader reader(pipe);
  bool told = false;
  for (;;) {
    pollfd ready[] = {{pipe, POLLIN, 0}, {stop_descriptor(), POLLIN, 0}};
    ::poll(ready, told ? 1 : 2, -1);
    if (!told && stop_signal() != 0) {
      told = true;
      supervisor.signal(stop_signal());
    }
    if (ready[0].revents == 0) continue;
    if (!reader.fill()) return reader.verdict();
  }
}

Attempt detach(Context& context, const dev::Place& place, const dev::UpOptions& options) {
  TRY(dev::make_directories(place.directory()));
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail(Code::io, "no pipe could be made");
  const io::Descriptor ours(ends[0]);
  io::Descriptor theirs(ends[1]);
  const io::Descriptor log = TRY(dev::open_log(place.supervisor_log()));
  catch_stop_signals();
  io::Child supervisor = TRY(io::Child::spawn({.program = "/proc/self/exe",
                                               .arguments = words_of(place, context),
                                               .environment = supervisor_environment(),
                                               .session = true,
                                               .output = log.get(),
                                               .errors = log.get(),
                                               .lifeline = theirs.get()}));
  theirs = io::Descriptor();
  const std::optional<Verdict> verdict = TRY(await_verdict(supervisor, ours.get()));
  if (!verdict) {
    if (stop_signal() != 0) return 128 + stop_signal();
    return fail(Code::internal, "the supervisor ended without a word",
                fmt::format("see {}", place.supervisor_log()));
  }
  if (verdict->ended) {
    if (verdict->ended->error && verdict->ended->error->code == Code::data_dir_locked &&
        place.runs().value_or(false)) {
      return join_running(context, place, options);
    }
    if (stop_signal() != 0) return 128 + stop_signal();
    return TRY(outcome_of(context, *verdict->ended));
  }
  const dev::Seen seen = TRY(dev::see(place));
  TRY(print_nodes(context, place, ask_nodes(context, seen.state)));
  note_ready(context, place, seen.plan, verdict->took);
  return 0;
}

Outcome up(Context& context) {
  const dev::Place place = TRY(chosen_place(context, Usual::default_one));
  const dev::UpOptions options = TRY(read_options(context));
  if (const auto verdict = variable(verdict_variable)) {
    return run_detached(context, place, options,
                        static_cast<int>(TRY(parse_count(verdict_variable, *verdict, 1'000))));
  }
  for (;;) {
    const auto attempt = TRY(place.runs())              ? join_running
                         : context.args.has("--detach") ? detach
                                                        : run_here;
    if (const std::optional<int> code = TRY(attempt(context, place, options))) return *code;
  }
}

}  // namespace

Command dev_up_command() {
  return {
      .path = "dev up",
      .summary = "Begin a cluster on this machine, or continue it",
      .synopsis = "[--nodes 3] [-d] [FLAGS] [-- NODE-FLAGS…]",
      .examples = {"ledgerctl dev up -d", "ledgerctl dev up -d --nodes 5",
                   "ledgerctl --dev test dev up -d --ephemeral",
                   "ledgerctl dev up -- --log-level debug"},
      .flags = {{"--nodes", "N", "1 to 9 nodes (default: as many as there are, or 3)"},
                {"--detach", "", "return once it is ready; it goes on in the background", 'd'},
                {"--base-port", "P",
                 "the first port of a new cluster (default 17400, or the next "
                 "hundred that is free)"},
                {"--restart", "on-crash|never",
                 "what to do with a node that ends by itself "
                 "(default on-crash)"},
                {"--fail-fast", "", "the first node that ends by itself stops everything"},
                {"--ephemeral", "", "delete the data when the cluster stops"},
                {"--no-wait", "", "do not wait until it is ready"},
                {"--keep-on-failure", "", "leave running what has started"}},
      .arguments = {"NODE-FLAGS", 0, 100},
      .exits = {{1, "not_ready"},
                {66, "a node's: a file is missing"},
                {73, "address_in_use; or a node's own exit code"},
                {78, "a node's: wrong directory or configuration"}},
      .notes =
          "Runs in the foreground, with the nodes' logs, until Ctrl-C, SIGTERM or the end of\n"
          "whoever started it; a second Ctrl-C kills. Nodes never outlive it. With -d it goes on\n"
          "in the background until 'dev down'. Running already: prints the table of 'dev\n"
          "status'; with a larger --nodes adds nodes. Ports and data stay until 'dev rm'.",
      .target = Target::none,
      .deadline = Deadline::waiting,
      .run = up};
}

}  // namespace ledger::cli
