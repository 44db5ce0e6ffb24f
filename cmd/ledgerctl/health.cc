// ledgerctl health: can the cluster commit, with the nodes that are expected?
#include <fmt/format.h>
#include <poll.h>

#include <thread>

#include "cli/json.h"
#include "cluster.h"
#include "nouns.h"

namespace ledger::cli {
namespace {

struct Reason {
  std::string code;
  std::string member;  ///< Empty: the cluster as a whole.
  std::string message;
};

struct Health {
  std::string leader;  ///< Its name; empty where there is none.
  std::optional<Term> term;
  size_t voters = 0;
  std::vector<std::string> up;
  std::vector<std::string> down;
  std::vector<Reason> reasons;

  bool healthy() const { return reasons.empty(); }
};

struct Wanted {
  std::optional<uint64_t> nodes;
  uint64_t lag_max = 1000;
};

struct Member {
  rpc::Server server;
  Result<rpc::NodeStatus> status;
};

void judge_member(Health& health, const Member& member, const Member* leader,
                  const Wanted& wanted) {
  const std::string& name = member.server.name;
  if (!member.status) {
    health.down.push_back(name);
    health.reasons.push_back(
        {"member_down", name,
         fmt::format("{} does not answer ({})", name, member.status.error().message)});
    return;
  }
  health.up.push_back(name);
  if (!member.status->no_space.empty()) {
    health.reasons.push_back({"no_space", name, member.status->no_space});
  }
  if (!leader || leader == &member) return;
  const rpc::NodeStatus& status = *member.status;
  const rpc::NodeStatus& first = *leader->status;
  const uint64_t lag = first.applied > status.applied ? first.applied - status.applied : 0;
  if (lag > wanted.lag_max) {
    health.reasons.push_back(
        {"member_lagging", name, fmt::format("{} is {} records behind {}", name, lag, first.node)});
  }
  if (status.applied == first.applied && status.digest && first.digest &&
      *status.digest != *first.digest) {
    health.reasons.push_back({"state_diverged", name,
                              fmt::format("{}: state digest at {} differs from {}'s", name,
                                          status.applied.value, first.node)});
  }
}

/// A leader proves that it has a quorum by a linearizable read now, which it gives only once it has
/// committed in its own term.
void judge_leader(Health& health, rpc::Client& client, const Member* leader) {
  if (!leader) {
    health.reasons.push_back({"no_leader", "", "no leader is elected"});
    return;
  }
  health.leader = leader->status->node;
  health.term = leader->status->term;
  if (const Result<Offset> end = client.end({}); !end) {
    const bool quorum = end.error().code == Code::no_quorum;
    health.reasons.push_back(
        {quorum ? "no_quorum" : "not_caught_up", health.leader,
         fmt::format("{} answers no linearizable read ({})", health.leader, end.error().message)});
  }
}

/// Errors: those of a cluster in which nobody answers.
Checked<Health> examine(rpc::Client& client, const Wanted& wanted) {
  const std::vector<rpc::Server> servers = TRY(asked(client, client.servers()));
  std::vector<Member> members;
  members.reserve(servers.size());
  for (const rpc::Server& server : servers) {
    members.push_back({server, client.status_of(server.address)});
  }
  Health health;
  health.voters = members.size();
  const Member* leader = nullptr;
  for (const Member& member : members) {
    const bool leads = member.status && member.status->role == "leader";
    if (leads && (!leader || leader->status->term < member.status->term)) leader = &member;
  }
  judge_leader(health, client, leader);
  for (const Member& member : members) judge_member(health, member, leader, wanted);
  const uint64_t needed = wanted.nodes.value_or(members.size());
  if (health.up.size() < needed && (wanted.nodes || health.down.empty())) {
    health.reasons.push_back(
        {"too_few_nodes", "", fmt::format("{} of {} nodes answer", health.up.size(), needed)});
  }
  // With --nodes a member that is down is no reason as long as enough are there.
  if (wanted.nodes && health.up.size() >= *wanted.nodes) {
    std::erase_if(health.reasons, [](const Reason& r) { return r.code == "member_down"; });
  }
  return health;
}

std::string health_json(const Health& health) {
  const auto names = [](const std::vector<std::string>& all) {
    std::vector<std::string> quoted;
    for (const std::string& name : all) quoted.push_back(json::quote(name));
    return json::array(quoted);
  };
  std::vector<std::string> reasons;
  for (const Reason& reason : health.reasons) {
    json::Object object;
    object.add("code", reason.code);
    if (!reason.member.empty()) object.add("member", reason.member);
    reasons.push_back(object.add("message", reason.message).text());
  }
  json::Object object("health");
  object.add("healthy", health.healthy());
  object.add("leader",
             health.leader.empty() ? std::optional<std::string>() : std::optional(health.leader));
  object.add("term", health.term)
      .add("voters", health.voters)
      .add("up", health.up.size())
      .add_json("down", names(health.down))
      .add_json("reasons", json::array(reasons));
  return object.text();
}

std::string summary(const Health& health) {
  std::string text;
  for (const Reason& reason : health.reasons) {
    if (!text.empty()) text += ", ";
    text += reason.code;
    if (!reason.member.empty()) text += " " + reason.member;
  }
  return text;
}

Outcome print_health(Context& context, const Health& health) {
  if (context.json()) {
    TRY(context.out.line(health_json(health)));
  } else if (health.healthy()) {
    TRY(context.out.line("healthy"));
  } else {
    for (const Reason& reason : health.reasons) TRY(context.out.line(reason.message));
  }
  if (health.healthy()) return 0;
  return fail(Code::unhealthy, "cluster is not healthy: " + summary(health),
              "ledgerctl log status");
}

/// One look, bounded by `limit`.
Checked<Health> look(Context& context, const Wanted& wanted, std::optional<Duration> limit) {
  Settings settings = context.settings;
  settings.timeout_flag = limit.value_or(Duration(0));
  Context bounded{context.command, context.args, settings, context.out, context.report};
  const auto client = TRY(connect(bounded, Deadline::ordinary));
  return examine(*client, wanted);
}

/// Looks again and again until the cluster is healthy or time is up; says what changes.
Outcome wait_for_health(Context& context, const Wanted& wanted) {
  constexpr Duration look_limit = std::chrono::seconds(2);
  constexpr std::chrono::milliseconds pause(100);
  io::SystemClock clock;
  const std::optional<Duration> limit = context.settings.timeout(Deadline::waiting);
  const Instant begin = clock.now();
  std::string told;
  while (true) {
    const Duration passed = clock.now() - begin;
    const Duration left = limit ? std::max(*limit - passed, Duration(1)) : look_limit;
    const Checked<Health> health = look(context, wanted, std::min(left, look_limit));
    const bool over = limit && clock.now() - begin + pause >= *limit;
    if (health && (health->healthy() || over)) return print_health(context, *health);
    if (!health && over) return tl::unexpected(health.error());
    std::string now = health ? summary(*health) : health.error().message;
    if (now != told) context.report.note("waiting: " + now);
    told = std::move(now);
    std::this_thread::sleep_for(pause);
  }
}

Outcome run(Context& context) {
  Wanted wanted;
  if (const auto text = context.args.value("--nodes")) {
    wanted.nodes = TRY(parse_count("--nodes", *text));
  }
  if (const auto text = context.args.value("--max-lag")) {
    wanted.lag_max = TRY(parse_count("--max-lag", *text));
  }
  if (context.args.has("--wait")) return wait_for_health(context, wanted);
  return print_health(context,
                      TRY(look(context, wanted, context.settings.timeout(Deadline::ordinary))));
}

}  // namespace

Noun health_noun() {
  return {
      "health",
      "Ask whether the cluster can commit",
      {{.path = "health",
        .summary = "Ask whether the cluster can commit, with the nodes that are expected",
        .synopsis = "[--wait] [--nodes N] [--max-lag RECORDS]",
        .examples = {"ledgerctl health", "ledgerctl health --wait --nodes 3 -t 60s"},
        .flags = {{"--wait", "", "ask until it is healthy or the deadline is over (30 s)"},
                  {"--nodes", "N", "so many members must answer (default: all)"},
                  {"--max-lag", "RECORDS",
                   "how far a member may be behind the leader (default 1000)"}},
        .exits = {{1, "unhealthy: somebody answered; the reasons are on stdout"},
                  {69, "nobody answered"}},
        .notes = "Healthy: a leader proves its quorum by a linearizable read now; enough voters\n"
                 "answer and are not far behind it; no state digest differs.",
        .run = run}}};
}

}  // namespace ledger::cli
