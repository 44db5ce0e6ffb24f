// ledgerctl member: who belongs to the cluster, and who leads it.
#include <fmt/format.h>

#include <algorithm>

#include "base/id.h"
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
  const rpc::GossipMember* gossip = nullptr;

  std::string_view gossip_state() const { return gossip ? rpc::word(gossip->state) : "unknown"; }
};

std::optional<std::string> known(bool there, std::string text) {
  return there ? std::optional(std::move(text)) : std::nullopt;
}

std::string member_json(const raft::Member& member, const Seen& seen) {
  const bool voter = member.standing == raft::Standing::voter;
  json::Object row("member");
  row.add("ok", seen.error == nullptr)
      .add("name", member.name)
      .add("id", known(member.id != MemberId(), member_text(member.id)))
      .add("role", seen.status ? seen.status->role : "unknown")
      .add("voter", voter)
      .add("gossip", seen.gossip_state())
      .add("rpc", known(!member.address.empty(), member.address))
      .add("gossip_addr", seen.gossip ? std::optional(seen.gossip->address) : std::nullopt);
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

/// One that gossip knows and consensus does not. What its tags say is shown as that; of another
/// program's agent nothing but its name is known.
std::string stranger_json(const rpc::GossipMember& one, const std::optional<Error>& error) {
  const std::optional<uint64_t> none;
  json::Object row("member");
  row.add("ok", !error)
      .add("name", one.name)
      .add("id", known(one.member != MemberId(), member_text(one.member)))
      .add("role", "unknown")
      .add("voter", false)
      .add("gossip", rpc::word(one.state))
      .add("rpc", known(!one.rpc_address.empty(), one.rpc_address))
      .add("gossip_addr", one.address)
      .add_json("http", "null")
      .add("term", none)
      .add("applied", none)
      .add("lag", none)
      .add_json("last_seen_at", "null")
      .add("version", known(!one.version.empty(), one.version));
  if (error) row.add_json("error", error_json(*error));
  return row.text();
}

/// Why a node that is up will not be taken in.
std::optional<Error> foreign(const Roster& roster, const rpc::GossipMember& one) {
  if (!one.ledger || one.cluster.empty() || roster.cluster.empty()) return std::nullopt;
  if (one.cluster == roster.cluster) return std::nullopt;
  return Error{Code::cluster_id_mismatch, fmt::format("belongs to cluster {}", one.cluster),
               "start it with an empty directory to take it in"};
}

Seen see(const Roster& roster, const Roster::One& one, Time now) {
  Seen seen;
  if (one.gossip) seen.gossip = &*one.gossip;
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
          std::string(seen.gossip_state()),
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
  for (const rpc::GossipMember& one : roster.strangers) {
    const std::optional<Error> error = foreign(roster, one);
    if (context.json()) {
      TRY(context.out.line(stranger_json(one, error)));
      continue;
    }
    table.add({one.name, "unknown", "no", std::string(rpc::word(one.state)), one.rpc_address, "",
               "", "", one.version});
    if (error) context.report.note(fmt::format("{}: {}", one.name, error->message));
  }
  if (!context.json()) TRY(context.out.print(table.text(context.out.width())));
  if (roster.gossip_unreadable > 0) {
    context.report.debug(fmt::format("gossip: {} packets and streams that no key has opened",
                                     roster.gossip_unreadable));
  }
  return 0;
}

// ---- Changes. ----

auto unconfirmed(const std::string& what) {
  return fail(Code::confirm_required, what, "repeat with --yes");
}

/// The endpoint of a command about the node that is asked.
Result<std::string> only_endpoint(const Context& context, std::string_view whom,
                                  std::string hint = "give its endpoint alone with -e") {
  const std::vector<Endpoint>& endpoints = context.settings.endpoints;
  if (endpoints.size() == 1) return endpoints[0].text();
  return fail(Code::ambiguous_target,
              fmt::format("{} endpoints are given: which of them is {}?", endpoints.size(), whom),
              std::move(hint));
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

Outcome print_taken_out(Context& context, rpc::Client& client, const Changed& changed) {
  if (changed.already) {
    context.report.note(fmt::format("{} is no member any more", changed.subject.name));
  }
  if (context.json()) return print_subject(context, client, changed.subject);
  TRY(context.out.line(changed.subject.name));
  return 0;
}

/// Waits until gossip, as the others know it, counts the member as alive no more. It is out of the
/// voters by then, so that this takes long is worth a note, and no failure.
void await_goodbye(Context& context, rpc::Client& client, MemberId member) {
  constexpr std::chrono::milliseconds pause(200);
  const rpc::Deadline deadline = waiting(context);
  using State = rpc::GossipMember::State;
  while (true) {
    const Result<rpc::Members> members = client.members();
    const auto there = [&](const rpc::GossipMember& one) {
      return one.member == member && (one.state == State::alive || one.state == State::suspect ||
                                      one.state == State::leaving);
    };
    // The one that leaves may still answer, and is no witness.
    if (members && members->self != member && std::ranges::none_of(members->gossip, there)) return;
    if (!deadline.endless() && deadline.left() <= deadline.limit() / 2) {
      return context.report.note("gossip has not heard its goodbye yet");
    }
    deadline.pause(pause);
  }
}

Outcome join(Context& context) {
  const std::string endpoint = TRY(only_endpoint(context, "the one that is told to contact them"));
  std::vector<std::string> addresses;
  for (const std::string& text : context.args.arguments()) {
    addresses.push_back(TRY(parse_endpoint("ADDR", text)).text());
  }
  const auto client = TRY(connect(context, Deadline::ordinary));
  const rpc::Met met = TRY(asked(*client, client->meet(endpoint, addresses)));
  for (const auto& [address, why] : met.unreached) {
    context.report.note(fmt::format("{} does not answer gossip: {}", address, why));
  }
  if (!context.json()) {
    for (const std::string& name : met.fresh) TRY(context.out.line(name));
    return 0;
  }
  if (met.fresh.empty()) return 0;
  const Result<rpc::Members> members = client->members_of(endpoint);
  if (!members) return tl::unexpected(with_tried(members.error(), *client));
  for (const rpc::GossipMember& one : members->gossip) {
    if (!std::ranges::binary_search(met.fresh, one.name)) continue;
    TRY(context.out.line(stranger_json(one, std::nullopt)));
  }
  return 0;
}

Outcome leave(Context& context) {
  Change change{.kind = Change::Kind::leave, .member = {}, .name = {}, .address = {}};
  change.force = context.args.has("--force-unsafe");
  if (!context.args.arguments().empty()) change.name = context.args.arguments()[0];
  std::string whom = change.name;
  std::string endpoint;
  if (whom.empty()) {
    endpoint = TRY(only_endpoint(context, "the one that leaves",
                                 "name it, or give its endpoint alone with -e"));
    whom = "the node at " + endpoint;
  }
  if (!context.args.has("--yes")) {
    return unconfirmed(fmt::format("this takes {} out of the cluster", whom));
  }
  const auto client = TRY(connect(context, Deadline::waiting));
  if (!endpoint.empty()) {
    change.member = TRY(asked(*client, client->members_of(endpoint))).self;
  }
  const Changed changed = TRY(asked(*client, client->change(change)));
  await_goodbye(context, *client, changed.subject.id);
  return print_taken_out(context, *client, changed);
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
  return print_taken_out(context, *client, TRY(asked(*client, client->change(change))));
}

/// The id of the node at `endpoint`, once the cluster has taken it in.
Checked<MemberId> joined(Context& context, rpc::Client& client, const std::string& endpoint) {
  constexpr std::chrono::milliseconds pause(100);
  const rpc::Deadline deadline = waiting(context);
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
    if (deadline.left() <= pause) {
      return fail(Code::timeout, fmt::format("the node at {} has not joined", endpoint),
                  "start it with --join or --peers and an empty directory, or raise --timeout");
    }
    deadline.pause(pause);
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
  return {
      .path = "member list",
      .summary = "List the members of the cluster, with role, lag and state by gossip",
      .synopsis = "[--sort name|lag]",
      .examples = {"ledgerctl member list",
                   "ledgerctl member list -o json | jq -r 'select(.role==\"leader\").name'"},
      .flags = {{"--sort", "name|lag", "order of the rows (default name)"}},
      .notes =
          "Needs no leader. Members that do not answer are rows too, and so are those that only\n"
          "gossip knows: agents of other programs, nodes not yet taken in, nodes of another\n"
          "cluster. Whether that is healthy is for ledgerctl health to say.",
      .run = list};
}

Command join_command() {
  return {.path = "member join",
          .summary = "Tell the node at the endpoint to contact members by gossip",
          .synopsis = "ADDR…",
          .examples = {"ledgerctl member join 10.0.0.9:17401",
                       "ledgerctl member join 127.0.0.1:17411 127.0.0.1:17421 -e 127.0.0.1:17400"},
          .arguments = {"ADDR", 1, 64},
          .exits = {{78,
                     "cluster_id_mismatch: one that answers belongs to another cluster; "
                     "config_invalid: the node does not gossip"}},
          .notes =
              "Prints the name of each node newly seen. Enough if one of them answers; a note\n"
              "names those that do not. Who is of our cluster is then taken in by the leader.",
          .run = join};
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
              "then exits 0; it comes back by 'node start --join' (or --peers) on its directory.",
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
              "The new node began with an empty directory and --join or --peers. Waits until it\n"
              "has joined, has caught up and votes, then removes OLD. It may have OLD's name and\n"
              "address.",
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
  return {"member",
          "List and change who belongs to the cluster",
          {list_command(), join_command(), leave_command(), remove_command(), replace_command(),
           transfer_command()}};
}

}  // namespace ledger::cli
