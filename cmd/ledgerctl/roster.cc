#include "roster.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/json.h"

namespace ledger::cli {

const Roster::One* Roster::leader() const {
  const One* best = nullptr;
  for (const One& one : all) {
    if (!one.status || one.status->role != "leader") continue;
    if (best == nullptr || best->status->term < one.status->term) best = &one;
  }
  return best;
}

uint64_t Roster::lag(const One& one) const {
  Offset committed;
  for (const One& other : all) {
    if (other.status) committed = std::max(committed, other.status->committed);
  }
  return committed - one.status->applied;
}

namespace {

/// Puts what gossip knows beside what consensus knows. Tags are claims: where two have one id, the
/// one with the member's name is it.
void add_gossip(Roster& roster, const rpc::Members& members) {
  roster.gossip_unreadable = members.gossip_unreadable;
  for (const rpc::GossipMember& seen : members.gossip) {
    const auto one = std::ranges::find_if(roster.all, [&](const Roster::One& known) {
      return known.member.id == seen.member && known.member.name == seen.name;
    });
    if (one != roster.all.end()) {
      one->gossip = seen;
      if (seen.member == members.self) roster.cluster = seen.cluster;
    } else {
      roster.strangers.push_back(seen);
    }
  }
}

}  // namespace

Checked<Roster> call_roll(rpc::Client& client) {
  const rpc::Members members = TRY(asked(client, client.members()));
  std::vector<std::string> addresses;
  for (const rpc::Members::One& one : members.all) addresses.push_back(one.member.address);
  std::vector<Result<rpc::NodeStatus>> statuses = client.statuses_of(addresses);
  Roster roster;
  roster.term = members.term;
  for (size_t i = 0; i < members.all.size(); ++i) {
    const rpc::Members::One& one = members.all[i];
    Result<rpc::NodeStatus>& status = statuses[i];
    if (status && status->member != one.member.id) {
      status = tl::unexpected(
          Error{Code::unreachable,
                fmt::format("at {} another node answers ({})", one.member.address, status->node),
                "see 'ledgerctl member list'"});
    }
    if (status) roster.term = std::max(roster.term, status->term);
    roster.all.push_back({one.member, one.heard, std::move(status)});
  }
  std::ranges::stable_sort(roster.all, {}, [](const Roster::One& one) { return one.member.name; });
  add_gossip(roster, members);
  return roster;
}

std::string error_json(const Error& error) {
  return json::Object().add("code", name(error.code)).add("message", error.message).text();
}

}  // namespace ledger::cli
