#include "dev/fleet.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "dev/logs.h"
#include "dev/ports.h"

namespace ledger::dev {
namespace {

/// How long a killed group may take to be gone.
constexpr int empty_patience_ms = 1'000;

/// Ours, without what is meant for us: a node listens to its own file and flags alone.
std::vector<std::string> node_environment(const Notices& notices) {
  std::vector<std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    if (!text.starts_with("LEDGERCTL_") && !text.starts_with("NOTIFY_SOCKET=")) {
      all.emplace_back(text);
    }
  }
  all.push_back(notices.variable());
  all.push_back(io::Lifeline::descriptor_variable());
  all.push_back(io::Lifeline::parent_variable());
  return all;
}

/// The cuts as a node reads them: after the name of each stands where it gossips.
std::string faults_text(const Plan& plan, const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) {
    const auto node = std::ranges::find(plan.nodes, line.substr(line.rfind(' ') + 1));
    text += line;
    if (node != plan.nodes.end()) {
      text += " " + plan.gossip(static_cast<size_t>(node - plan.nodes.begin()));
    }
    text += "\n";
  }
  return text;
}

/// The lines that such a text was made of.
std::vector<std::string> cuts_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.find(':') != std::string_view::npos) line = line.substr(0, line.rfind(' '));
    if (!line.empty()) lines.emplace_back(line);
  }
  return lines;
}

}  // namespace

Result<std::unique_ptr<Fleet>> Fleet::make(Place place, Plan plan, Life::Policy policy,
                                           io::Clock& clock, Hooks hooks) {
  Notices notices = TRY(Notices::open());
  io::Lifeline lifeline = TRY(io::Lifeline::make());
  return std::unique_ptr<Fleet>(new Fleet(std::move(place), std::move(plan), policy, clock,
                                          std::move(hooks), std::move(notices),
                                          std::move(lifeline)));
}

Fleet::Fleet(Place place, Plan plan, Life::Policy policy, io::Clock& clock, Hooks hooks,
             Notices notices, io::Lifeline lifeline)
    : place_(std::move(place)),
      plan_(std::move(plan)),
      policy_(policy),
      clock_(clock),
      hooks_(std::move(hooks)),
      notices_(std::move(notices)),
      lifeline_(std::move(lifeline)),
      environment_(node_environment(notices_)) {
  while (members_.size() < plan_.nodes.size()) add_member();
}

void Fleet::add_member() {
  auto member = std::make_unique<Member>();
  member->index = members_.size();
  member->name = plan_.nodes[member->index];
  if (const auto faults = read_file(place_.node_faults(member->name)); faults && *faults) {
    member->cuts = cuts_of(**faults);
  }
  member->life.want(Desired::running);
  members_.push_back(std::move(member));
}

Member* Fleet::find(std::string_view name) {
  for (const auto& member : members_) {
    if (member->name == name) return member.get();
  }
  return nullptr;
}

Result<void> Fleet::grow(size_t count) {
  Plan grown = plan_;
  grown.grow(count);
  TRY(check_ports(grown, plan_.nodes.size()));
  TRY(save_plan(place_, grown));
  plan_ = std::move(grown);
  while (members_.size() < plan_.nodes.size()) add_member();
  return {};
}

// ---- Processes. ----

Result<void> Fleet::try_to_spawn(Member& member) {
  TRY(make_directories(place_.node_directory(member.name)));
  TRY(replace_file(place_.node_config(member.name), node_toml(place_, plan_, member.index)));
  const io::Descriptor log = TRY(open_log(place_.node_log(member.name)));
  io::ChildOptions options;
  // Ourselves, also where the file was replaced since we began.
  options.program = "/proc/self/exe";
  options.arguments = {
      "ledgerctl", "node",      "start",        "--config", place_.node_config(member.name),
      "--name",    member.name, "--log-format", "text"};
  options.arguments.insert(options.arguments.end(), plan_.node_flags.begin(),
                           plan_.node_flags.end());
  options.environment = environment_;
  options.output = log.get();
  options.errors = log.get();
  options.lifeline = lifeline_.child_end();
  member.child = TRY(io::Child::spawn(options));
  return {};
}

void Fleet::spawn(Member& member) {
  member.status.clear();
  member.killed = false;
  member.kill_at.reset();
  if (const Result<void> spawned = try_to_spawn(member); !spawned) {
    hooks_.say(fmt::format("{} could not be started: {}", member.name, spawned.error().message));
    member.life.failed();
    hooks_.ended(member);
    return;
  }
  ++member.starts;
  member.started = clock_.wall();
  member.life.started(clock_.now());
}

void Fleet::tend() {
  const Instant now = clock_.now();
  for (const auto& member : members_) {
    if (member->child && member->kill_at && *member->kill_at <= now) {
      hooks_.say(
          fmt::format("{} did not stop within {} s: killed", member->name,
                      std::chrono::duration_cast<std::chrono::seconds>(stop_patience).count()));
      member->killed = true;
      member->kill_at.reset();
      member->child->signal_group(SIGKILL);
    }
    const std::optional<Instant> start_at = member->life.start_at();
    if (!member->child && start_at && *start_at <= now) spawn(*member);
  }
}

std::optional<Instant> Fleet::wake() const {
  std::optional<Instant> first;
  const auto consider = [&](std::optional<Instant> at) {
    if (at && (!first || *at < *first)) first = at;
  };
  for (const auto& member : members_) {
    if (member->child) consider(member->kill_at);
    if (!member->child) consider(member->life.start_at());
  }
  return first;
}

void Fleet::start(Member& member) {
  if (member.life.state() == State::paused) resume(member);
  // One that is just stopping ends first, and is no crash.
  if (member.life.desired() == Desired::stopped && member.child) {
    member.life.want_again();
  } else {
    member.life.want(Desired::running);
  }
}

void Fleet::stop(Member& member) {
  member.life.want(Desired::stopped);
  if (!member.child) return;
  member.child->signal_group(SIGCONT);
  member.child->signal_group(SIGTERM);
  if (!member.kill_at) member.kill_at = clock_.now() + stop_patience;
}

void Fleet::restart(Member& member) {
  const bool ran = member.child.has_value();
  member.life.want_again();
  if (!ran) return;
  member.child->signal_group(SIGCONT);
  member.child->signal_group(SIGTERM);
  member.kill_at = clock_.now() + stop_patience;
}

void Fleet::kill(Member& member, int number, bool again) {
  if (again) {
    member.life.want_again();
  } else {
    member.life.want(Desired::stopped);
  }
  if (member.child) member.child->signal(number);
}

void Fleet::pause(Member& member) {
  member.life.want(Desired::paused);
  if (member.child) member.child->signal_group(SIGSTOP);
}

void Fleet::resume(Member& member) {
  if (member.life.state() != State::paused) return;
  member.life.want(Desired::running);
  if (member.child) member.child->signal_group(SIGCONT);
}

void Fleet::kill_all() {
  for (const auto& member : members_) {
    if (!member->child) continue;
    member->killed = true;
    member->child->signal_group(SIGKILL);
  }
}

Result<void> Fleet::cut(Member& member, const std::vector<std::string>& lines) {
  TRY(make_directories(place_.data_directory(member.name)));
  TRY(replace_file(place_.node_faults(member.name), faults_text(plan_, lines)));
  member.cuts = lines;
  if (member.child) member.child->signal(SIGHUP);
  return {};
}

// ---- What happens to them. ----

void Fleet::take_notices() {
  while (const std::optional<Notices::Notice> notice = notices_.take()) {
    for (const auto& member : members_) {
      if (!member->child || member->child->pid() != notice->pid) continue;
      if (const auto status = notice->value("STATUS")) member->status = *status;
      if (notice->value("READY") == "1") {
        ++member->readies;
        member->life.ready();
      }
    }
  }
}

void Fleet::take_ends() {
  std::vector<pid_t> known;
  for (const auto& member : members_) {
    if (!member->child) continue;
    const std::optional<io::Exit> exit = member->child->reap();
    if (!exit) {
      known.push_back(member->child->pid());
      continue;
    }
    took_end(*member, *exit);
  }
  io::reap_strangers(known);
}

void Fleet::took_end(Member& member, const io::Exit& exit) {
  // Nodes have no children, so this is true at once; what was killed may take a moment.
  for (int waited = 0; !member.child->group_is_empty() && waited < empty_patience_ms; ++waited) {
    ::poll(nullptr, 0, 1);
  }
  member.child.reset();
  member.kill_at.reset();
  member.status.clear();
  member.last_exit = {.exit = exit, .at = clock_.wall()};
  const bool unexpected = member.life.ended(clock_.now(), exit, policy_);
  if (!unexpected) return;
  std::string text = fmt::format("{} ended: {}", member.name, exit.text());
  switch (member.life.state()) {
    case State::backoff:
      text += fmt::format(
          ", restart {} in {} ms", member.life.restarts(),
          std::chrono::duration_cast<std::chrono::milliseconds>(member.life.backoff()).count());
      break;
    case State::crash_loop:
      text += ", too often: it stays down";
      break;
    default:
      text += ", it stays down";
  }
  hooks_.say(text);
  hooks_.ended(member);
}

size_t Fleet::running() const {
  return static_cast<size_t>(std::ranges::count_if(
      members_, [](const auto& member) { return member->child.has_value(); }));
}

std::vector<NodeState> Fleet::states() const {
  std::vector<NodeState> all;
  for (const auto& member : members_) {
    NodeState node;
    node.name = member->name;
    node.rpc = plan_.rpc(member->index);
    node.gossip = plan_.gossip(member->index);
    node.http = plan_.http(member->index);
    node.state = member->life.state();
    node.desired = member->life.desired();
    if (member->child) node.process = io::mark_of(member->child->pid());
    node.restarts = member->life.restarts();
    node.started = member->started;
    node.last_exit = member->last_exit;
    // `n2`, `to n2`, `from n2`
    for (const std::string& line : member->cuts) {
      node.partitioned_from.push_back(line.substr(line.rfind(' ') + 1));
    }
    all.push_back(std::move(node));
  }
  return all;
}

}  // namespace ledger::dev
