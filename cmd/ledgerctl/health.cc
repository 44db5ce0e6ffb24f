// ledgerctl health: can the cluster commit, with the nodes that are expected?
#include "health.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/json.h"
#include "cluster.h"
#include "nouns.h"
#include "roster.h"

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
  std::vector<std::string> up;    ///< Voters that answer.
  std::vector<std::string> down;  ///< The others.
  uint64_t fit = 0;               ///< How many of those that answer are not far behind.
  std::vector<Reason> reasons;

  bool healthy() const { return reasons.empty(); }
};

struct Wanted {
  std::optional<uint64_t> nodes;
  uint64_t lag_max = 1000;
};

/// `n3 does not answer (refused)`
std::string silence(const Roster::One& one) {
  const Error& error = one.status.error();
  std::string_view why = error.message;
  if (why.starts_with(one.member.address + " ")) why.remove_prefix(one.member.address.size() + 1);
  if (error.code == Code::timeout) return fmt::format("{} {}", one.member.name, why);
  if (why == "no answer") return one.member.name + " does not answer";
  return fmt::format("{} does not answer ({})", one.member.name, why);
}

void judge_member(Health& health, const Roster& roster, const Roster::One& one,
                  const Roster::One* leader, const Wanted& wanted) {
  const std::string& name = one.member.name;
  const bool voter = one.member.standing == raft::Standing::voter;
  if (!one.status) {
    if (!voter) return;  // Nothing hangs on it.
    health.down.push_back(name);
    health.reasons.push_back({"member_down", name, silence(one)});
    return;
  }
  if (!one.status->mending.empty()) {
    if (voter) health.down.push_back(name);  // It neither votes nor acknowledges.
    health.reasons.push_back({"member_mending", name, one.status->mending});
    return;
  }
  if (!one.status->no_space.empty()) {
    health.reasons.push_back({"no_space", name, one.status->no_space});
  }
  const uint64_t lag = roster.lag(one);
  if (voter) {
    health.up.push_back(name);
    if (lag <= wanted.lag_max) ++health.fit;
    if (lag > wanted.lag_max) {
      health.reasons.push_back(
          {"member_lagging", name, fmt::format("{} is {} records behind", name, lag)});
    }
  }
  if (!leader || leader == &one) return;
  const rpc::NodeStatus& status = *one.status;
  const rpc::NodeStatus& first = *leader->status;
  if (status.applied == first.applied && status.digest && first.digest &&
      *status.digest != *first.digest) {
    health.reasons.push_back({"state_diverged", name,
                              fmt::format("{}: state digest at {} differs from {}'s", name,
                                          status.applied.value, first.node)});
  }
}

/// A leader proves that it has a quorum by a linearizable read now, which it gives only once it has
/// committed in its own term.
void judge_leader(Health& health, rpc::Client& client, const Roster::One& leader) {
  health.leader = leader.status->node;
  health.term = leader.status->term;
  const Result<Offset> end = client.end_of(leader.member.address);
  if (end) return;
  const Code code = end.error().code;
  const bool silent = code == Code::timeout || code == Code::unreachable;
  health.reasons.push_back(
      {silent ? "no_answer" : "not_caught_up", health.leader,
       fmt::format("{} answers no linearizable read ({})", health.leader, end.error().message)});
}

/// With --nodes it does not matter who is missing, as long as enough are there.
void judge_count(Health& health, const Wanted& wanted) {
  if (!wanted.nodes) return;
  if (health.fit >= *wanted.nodes) {
    std::erase_if(health.reasons, [](const Reason& reason) {
      return reason.code == "member_down" || reason.code == "member_lagging" ||
             reason.code == "member_mending";
    });
  } else if (health.up.size() < *wanted.nodes) {
    health.reasons.push_back(
        {"too_few_nodes", "",
         fmt::format("{} of {} nodes answer", health.up.size(), *wanted.nodes)});
  }
}

/// Errors: those of a cluster in which nobody answers.
Checked<Health> examine(rpc::Client& client, const Wanted& wanted) {
  const Roster roster = TRY(call_roll(client));
  const Roster::One* leader = roster.leader();
  Health health;
  for (const Roster::One& one : roster.all) judge_member(health, roster, one, leader, wanted);
  health.voters = health.up.size() + health.down.size();
  judge_count(health, wanted);
  std::vector<Reason> found = std::exchange(health.reasons, {});
  const size_t needed = health.voters / 2 + 1;
  if (!leader) {
    health.reasons.push_back(
        {"no_leader", "", fmt::format("no leader is elected (term {})", roster.term.value)});
  }
  if (health.up.size() < needed) {
    health.reasons.push_back({"no_quorum", "",
                              fmt::format("{} of {} voters answer, {} needed", health.up.size(),
                                          health.voters, needed)});
  } else if (leader) {
    judge_leader(health, client, *leader);
  }
  health.reasons.insert(health.reasons.end(), found.begin(), found.end());
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
              "ledgerctl member list");
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
  const rpc::Deadline deadline = waiting(context);
  std::string told;
  while (true) {
    const Duration left = std::clamp<Duration>(deadline.left(), Duration(1), look_limit);
    const Checked<Health> health = look(context, wanted, left);
    const bool over = deadline.left() <= pause;
    if (health && (health->healthy() || over)) return print_health(context, *health);
    if (!health && over) return tl::unexpected(health.error());
    std::string now = health ? summary(*health) : health.error().message;
    if (now != told) context.report.note("waiting: " + now);
    told = std::move(now);
    deadline.pause(pause);
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

Checked<void> ask_health(const Context& context, const std::vector<std::string>& endpoints,
                         size_t nodes, Duration limit) {
  rpc::ClientOptions options{.endpoints = endpoints,
                             .patience = {rpc::Patience::Kind::whole, limit}};
  if (context.report.verbose(2)) {
    options.verbose = [&report = context.report](int level, const std::string& text) {
      report.debug(text, level);
    };
  }
  const auto client = TRY(rpc::Client::create(std::move(options)));
  const Health health = TRY(examine(*client, {.nodes = nodes}));
  if (health.healthy()) return {};
  return fail(Code::unhealthy, summary(health), "ledgerctl member list");
}

Noun health_noun() {
  return {
      "health",
      "Ask whether the cluster can commit",
      {{.path = "health",
        .summary = "Ask whether the cluster can commit, with the nodes that are expected",
        .synopsis = "[--wait] [--nodes N] [--max-lag RECORDS]",
        .examples = {"ledgerctl health", "ledgerctl health --wait --nodes 3 -t 60s"},
        .flags = {{"--wait", "", "ask until it is healthy or the deadline is over (30 s)"},
                  {"--nodes", "N", "so many voters must answer and keep up (default: all)"},
                  {"--max-lag", "RECORDS",
                   "how far a voter may be behind the others (default 1000)"}},
        .exits = {{1, "unhealthy: somebody answered; the reasons are on stdout"},
                  {69, "nobody answered"}},
        .notes = "Healthy: a leader proves its quorum by a linearizable read now; enough voters\n"
                 "answer and are not far behind it; no state digest differs.\n\n"
                 "Reasons: no_leader, no_quorum, too_few_nodes, member_down, member_mending,\n"
                 "member_lagging, not_caught_up, state_diverged, no_answer, no_space.",
        .run = run}}};
}

}  // namespace ledger::cli
