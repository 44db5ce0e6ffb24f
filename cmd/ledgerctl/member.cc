// ledgerctl member: who belongs to the cluster, and who leads it.
#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "cli/json.h"
#include "cli/text.h"
#include "nouns.h"
#include "roster.h"

namespace ledger::cli {
namespace {

using rpc::Change;
using rpc::Changed;

// ---- Rows. ----

/// What a row says of a member besides who it is.
struct Seen {
  const rpc::NodeStatus* status = nullptr;  ///< Of one that answers.
  std::optional<uint64_t> lag = {};
  std::optional<Time> last = {};
  const Error* error = nullptr;
};

std::string member_json(const raft::Member& member, const Seen& seen) {
  const bool voter = member.standing == raft::Standing::voter;
  json::Object row("member");
  row.add("ok", seen.error == nullptr)
      .add("name", member.name)
      .add("id", member_text(member.id))
      .add("role", seen.status ? seen.status->role : "unknown")
      .add("voter", voter)
      .add("gossip", "unknown")
      .add("rpc", member.address)
      .add_json("gossip_addr", "null");
  const auto* status = seen.status;
  const bool has_http = status && !status->http.empty();
  row.add("http", has_http ? std::optional(status->http) : std::nullopt);
  row.add("term", status ? std::optional(status->term) : std::nullopt)
      .add("applied", status ? std::optional(status->applied) : std::nullopt)
      .add("lag", seen.lag)
      .add("last_seen_at", seen.last)
      .add("version", status ? std::optional(status->version) : std::nullopt);
  if (seen.error) row.add_json("error", error_json(*seen.error));
  return row.text();
}

Seen see(const Roster& roster, const Roster::One& one, Time now) {
  Seen seen;
  if (one.status) {
    seen.status = &*one.status;
    seen.lag = roster.lag(one);
    seen.last = now;
  } else {
    seen.error = &one.status.error();
    if (one.heard != Time()) seen.last = one.heard;
  }
  return seen;
}

std::vector<std::string> cells(const raft::Member& member, const Seen& seen) {
  const auto number = [](std::optional<uint64_t> value) {
    return value ? std::to_string(*value) : std::string();
  };
  const auto* status = seen.status;
  return {member.name,
          status ? status->role : "unknown",
          member.standing == raft::Standing::voter ? "yes" : "no",
          "unknown",
          member.address,
          status ? number(status->applied.value) : "",
          number(seen.lag),
          seen.last ? local_time(*seen.last) : "",
          status ? status->version : ""};
}

// ---- list ----

Outcome list(Context& context) {
  const std::string order =
      TRY(parse_choice("--sort", context.args.value("--sort").value_or("name"), "name|lag"));
  const auto client = TRY(connect(context, Deadline::ordinary));
  Roster roster = TRY(call_roll(*client));
  if (order == "lag") {
    // Who does not answer is furthest behind, as far as anybody knows.
    std::ranges::stable_sort(roster.all, std::greater(), [&](const Roster::One& one) {
      return one.status ? roster.lag(one) : UINT64_MAX;
    });
  }
  io::SystemClock clock;
  const Time now = clock.wall();
  Table table({"NAME", "ROLE", "VOTER", "GOSSIP", "RPC", "APPLIED", "LAG", "LAST-SEEN", "VERSION"});
  for (const Roster::One& one : roster.all) {
    const Seen seen = see(roster, one, now);
    if (context.json()) {
      TRY(context.out.line(member_json(one.member, seen)));
      continue;
    }
    table.add(cells(one.member, seen));
    if (seen.error) {
      context.report.note(fmt::format("{}: {}", one.member.name, seen.error->message));
    }
  }
  if (!context.json()) TRY(context.out.print(table.text(context.out.width())));
  return 0;
}

// ---- Changes. ----

auto unconfirmed(const std::string& what) {
  return fail(Code::confirm_required, what, "repeat with --yes");
}

/// The endpoint of a command about the node that is asked.
Result<std::string> only_endpoint(const Context& context, std::string_view whom) {
  const std::vector<Endpoint>& endpoints = context.settings.endpoints;
  if (endpoints.size() == 1) return endpoints[0].text();
  return fail(Code::ambiguous_target,
              fmt::format("{} endpoints are given: which of them is {}?", endpoints.size(), whom),
              "name it, or give its endpoint alone with -e");
}

/// The subject's row: as it is now, where it is still a member.
Outcome print_subject(Context& context, rpc::Client& client, const raft::Member& subject) {
  if (const Checked<Roster> roster = call_roll(client)) {
    for (const Roster::One& one : roster->all) {
      if (one.member.id != subject.id) continue;
      TRY(context.out.line(member_json(one.member, see(*roster, one, io::SystemClock().wall()))));
      return 0;
    }
  }
  raft::Member gone = subject;
  gone.standing = raft::Standing::standby;
  TRY(context.out.line(member_json(gone, {})));
  return 0;
}

/// Takes a member out, one way or the other, and prints its name.
Outcome take_out(Context& context, rpc::Client& client, const Change& change) {
  const Changed changed = TRY(asked(client, client.change(change)));
  if (changed.already) {
    context.report.note(fmt::format("{} is no member any more", changed.subject.name));
  }
  if (context.json()) return print_subject(context, client, changed.subject);
  TRY(context.out.line(changed.subject.name));
  return 0;
}

Outcome leave(Context& context) {
  Change change{.kind = Change::Kind::leave, .member = {}, .name = {}, .address = {}};
  change.force = context.args.has("--force-unsafe");
  if (!context.args.arguments().empty()) change.name = context.args.arguments()[0];
  std::string whom = change.name;
  std::string endpoint;
  if (whom.empty()) {
    endpoint = TRY(only_endpoint(context, "the one that leaves"));
    whom = "the node at " + endpoint;
  }
  if (!context.args.has("--yes")) {
    return unconfirmed(fmt::format("this takes {} out of the cluster", whom));
  }
  const auto client = TRY(connect(context, Deadline::waiting));
  if (!endpoint.empty()) {
    change.member = TRY(asked(*client, client->members_of(endpoint))).self;
  }
  return take_out(context, *client, change);
}

Outcome remove(Context& context) {
  Change change{.kind = Change::Kind::remove,
                .member = {},
                .name = context.args.arguments()[0],
                .address = {}};
  change.force = context.args.has("--force-unsafe");
  if (!context.args.has("--yes")) {
    return unconfirmed(fmt::format("this removes {}'s vote", change.name));
  }
  const auto client = TRY(connect(context, Deadline::waiting));
  return take_out(context, *client, change);
}

/// The id of the node at `endpoint`, once the cluster has taken it in.
Checked<MemberId> joined(Context& context, rpc::Client& client, const std::string& endpoint) {
  constexpr std::chrono::milliseconds pause(100);
  io::SystemClock clock;
  const std::optional<Duration> limit = context.settings.timeout(Deadline::waiting);
  const Instant begin = clock.now();
  bool told = false;
  while (true) {
    const Result<rpc::Members> own = client.members_of(endpoint);
    if (!own && own.error().code != Code::busy) {
      return tl::unexpected(with_tried(own.error(), client));
    }
    if (own) {
      const rpc::Members members = TRY(asked(client, client.members()));
      for (const rpc::Members::One& one : members.all) {
        if (one.member.id == own->self) return own->self;
      }
    }
    if (!std::exchange(told, true)) {
      context.report.note(fmt::format("waiting until the node at {} has joined", endpoint));
    }
    if (limit && clock.now() - begin + pause >= *limit) {
      return fail(Code::timeout, fmt::format("the node at {} has not joined", endpoint),
                  "start it with --peers and an empty directory, or raise --timeout");
    }
    std::this_thread::sleep_for(pause);
  }
}

Outcome replace(Context& context) {
  const std::string& old = context.args.arguments()[0];
  const std::string endpoint = TRY(only_endpoint(context, "the new node"));
  if (!context.args.has("--yes")) {
    return unconfirmed(
        fmt::format("this removes {}'s vote, and the node at {} gets one", old, endpoint));
  }
  const auto client = TRY(connect(context, Deadline::waiting));
  Change change{.kind = Change::Kind::replace, .member = {}, .name = old, .address = {}};
  change.force = context.args.has("--force-unsafe");
  change.member = TRY(joined(context, *client, endpoint));
  const Changed changed = TRY(asked(*client, client->change(change)));
  if (context.json()) return print_subject(context, *client, changed.subject);
  TRY(context.out.line(fmt::format("{} -> {}", changed.before, changed.subject.name)));
  return 0;
}

Outcome transfer(Context& context) {
  Change change{.kind = Change::Kind::transfer, .member = {}, .name = {}, .address = {}};
  if (const auto to = context.args.value("--to")) {
    change.name = TRY(parse_node_name("--to", *to));
  }
  const auto client = TRY(connect(context, Deadline::waiting));
  const Changed changed = TRY(asked(*client, client->change(change)));
  if (changed.already) {
    context.report.note(fmt::format("{} leads already", changed.subject.name));
  }
  if (context.json()) {
    TRY(context.out.line(json::Object("leadership")
                             .add("from", changed.before)
                             .add("to", changed.subject.name)
                             .add("term", changed.term)
                             .text()));
    return 0;
  }
  TRY(context.out.line(fmt::format("{} -> {}", changed.before, changed.subject.name)));
  return 0;
}

// ---- The commands. ----

constexpr Flag yes_flag = {"--yes", "", "do it; without it nothing is attempted"};
constexpr Flag force_flag = {"--force-unsafe", "", "even if too few of the others can be reached"};
const Exit unknown_exit = {75, "no answer came in time: repeat it, that is safe"};

Command list_command() {
  return {.path = "member list",
          .summary = "List the members of the cluster, with role and lag",
          .synopsis = "[--sort name|lag]",
          .examples = {"ledgerctl member list",
                       "ledgerctl member list -o json | jq -r 'select(.role==\"leader\").name'"},
          .flags = {{"--sort", "name|lag", "order of the rows (default name)"}},
          .notes =
              "Needs no leader. Members that do not answer are rows too; whether that is\n"
              "healthy is for ledgerctl health to say.",
          .run = list};
}

Command leave_command() {
  return {.path = "member leave",
          .summary = "Take a member that is alive out of the cluster",
          .synopsis = "[NAME] --yes",
          .examples = {"ledgerctl member leave n3 --yes",
                       "ledgerctl member leave --yes -e 127.0.0.1:17420"},
          .flags = {yes_flag, force_flag},
          .arguments = {"NAME", 0, 1},
          .exits = {{1, "quorum_guard: too few of the others could be reached"},
                    {66, "no_such_member"},
                    unknown_exit},
          .notes =
              "Without NAME the node at the endpoint leaves. A leader hands over first. The node\n"
              "then exits 0; it comes back by 'node start --peers' on the same directory.",
          .deadline = Deadline::waiting,
          .run = leave};
}

Command remove_command() {
  return {.path = "member remove",
          .summary = "Remove a dead member, which never votes again",
          .synopsis = "NAME|ID --yes [--force-unsafe]",
          .examples = {"ledgerctl member remove n3 --yes",
                       "ledgerctl member remove 7d1e03c2a1b4f596 --yes -t 1m"},
          .flags = {yes_flag, force_flag},
          .arguments = {"NAME", 1, 1},
          .exits = {{1,
                     "member_alive: use member leave; quorum_guard: too few of the others could "
                     "be reached"},
                    {66, "no_such_member: no such name ever belonged to the cluster"},
                    unknown_exit},
          .notes = "One that was removed before is done: exit 0 and a note.",
          .deadline = Deadline::waiting,
          .run = remove};
}

Command replace_command() {
  return {.path = "member replace",
          .summary = "Put the node at the endpoint in the place of a member that lost its disk",
          .synopsis = "OLD --yes",
          .examples = {"ledgerctl member replace n3 --yes -e 127.0.0.1:17430",
                       "ledgerctl member replace n3 --yes -e 127.0.0.1:17420 -t 10m"},
          .flags = {yes_flag, force_flag},
          .arguments = {"OLD", 1, 1},
          .exits = {{1, "quorum_guard: too few of the others could be reached"},
                    {66, "no_such_member: OLD never belonged to the cluster"},
                    unknown_exit},
          .notes =
              "The new node began with an empty directory and --peers. Waits until it has joined,\n"
              "has caught up and votes, then removes OLD. It may have OLD's name and address.",
          .deadline = Deadline::waiting,
          .run = replace};
}

Command transfer_command() {
  return {.path = "member transfer-leadership",
          .summary = "Hand leadership to another member",
          .synopsis = "[--to NAME]",
          .examples = {"ledgerctl member transfer-leadership",
                       "ledgerctl member transfer-leadership --to n2"},
          .flags = {{"--to", "NAME", "to whom (default: the voter that has caught up best)"}},
          .exits = {{1, "target_behind: it has not caught up, or does not answer"},
                    {66, "no_such_member"},
                    unknown_exit},
          .notes =
              "Returns once the new leader has committed in its own term. One that leads\n"
              "already is done: exit 0 and a note.",
          .deadline = Deadline::waiting,
          .run = transfer};
}

}  // namespace

Noun member_noun() {
  return {
      "member",
      "List and change who belongs to the cluster",
      {list_command(), leave_command(), remove_command(), replace_command(), transfer_command()}};
}

}  // namespace ledger::cli
