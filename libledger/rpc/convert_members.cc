#include "rpc/convert_members.h"

#include <cassert>

#include "base/node_name.h"
#include "rpc/address.h"

namespace ledger::rpc {
namespace {

namespace clusterv1 = ::cluster::v1;

tl::unexpected<Error> refuse(std::string what) {
  return fail(Code::invalid_value, std::move(what), "see cluster.proto");
}

/// The longest text that can name a member: its name, or 16 digits.
constexpr size_t target_bytes_max = node_name_bytes_max;

/// A request about a member that is there.
Result<Change> targeted(Change::Kind kind, uint64_t member, const std::string& name, bool force) {
  if (name.size() > target_bytes_max) return refuse("a member name is too long");
  return Change{
      .kind = kind, .member = MemberId(member), .name = name, .address = {}, .force = force};
}

Result<Change> needs_target(Result<Change> change) {
  if (change && change->member == MemberId() && change->name.empty()) {
    return refuse("no member is named");
  }
  return change;
}

template <class Request>
void name_target(const Change& change, Request& to) {
  to.set_member(change.member.value);
  to.set_name(change.name);
}

void to_message(const raft::Member& member, clusterv1::Member& to) {
  to.set_id(member.id.value);
  to.set_standing(member.standing == raft::Standing::voter ? clusterv1::VOTER : clusterv1::STANDBY);
  to.set_name(member.name);
  to.set_address(member.address);
}

Result<raft::Member> read_member(const clusterv1::Member& from) {
  raft::Member member{MemberId(from.id()), raft::Standing::standby, from.name(), from.address()};
  if (from.standing() == clusterv1::VOTER) member.standing = raft::Standing::voter;
  if (member.id == MemberId() || member.name.size() > raft::member_name_bytes_max ||
      member.address.size() > raft::member_address_bytes_max) {
    return fail(Code::internal, "an answer can't be read: a member",
                "is every node of the same version? report this");
  }
  return member;
}

using State = GossipMember::State;
static_assert(static_cast<int>(State::alive) == clusterv1::ALIVE);
static_assert(static_cast<int>(State::left) == clusterv1::LEFT);

/// What one request may make a node contact.
constexpr int meet_addresses_max = 64;

void to_message(const GossipMember& member, clusterv1::GossipMember& to) {
  to.set_name(member.name);
  to.set_address(member.address);
  to.set_state(static_cast<clusterv1::GossipState>(member.state));
  to.set_ledger(member.ledger);
  to.set_id(member.member.value);
  to.set_cluster(member.cluster);
  to.set_rpc_address(member.rpc_address);
  to.set_version(member.version);
}

GossipMember read_gossip(const clusterv1::GossipMember& from) {
  const bool known = from.state() >= clusterv1::ALIVE && from.state() <= clusterv1::LEFT;
  return {.name = from.name(),
          .address = from.address(),
          .state = known ? static_cast<State>(from.state()) : State::unknown,
          .ledger = from.ledger(),
          .member = MemberId(from.id()),
          .cluster = from.cluster(),
          .rpc_address = from.rpc_address(),
          .version = from.version()};
}

}  // namespace

std::string_view word(State state) {
  switch (state) {
    case State::alive:
      return "alive";
    case State::suspect:
      return "suspect";
    case State::failed:
      return "failed";
    case State::leaving:
      return "leaving";
    case State::left:
      return "left";
    case State::unknown:
      break;
  }
  return "unknown";
}

Result<std::vector<std::string>> from_message(const clusterv1::MeetRequest& from) {
  if (from.addresses().empty()) return refuse("no address is given");
  if (from.addresses_size() > meet_addresses_max) return refuse("too many addresses");
  std::vector<std::string> addresses;
  for (const std::string& text : from.addresses()) {
    addresses.push_back(TRY(parse_address(text)).text());
  }
  return addresses;
}

Result<Joining> from_message(const clusterv1::JoinRequest& from) {
  Joining joining;
  if (!from.cluster_id().empty()) {
    const std::optional<Id> cluster = id_from_bytes(from.cluster_id());
    if (!cluster) return refuse("a cluster id is not of 16 bytes");
    joining.cluster = *cluster;
  }
  if (from.member() == 0) return refuse("member id 0 is none");
  if (!valid_node_name(from.name())) return refuse("a newcomer's name is not a node name");
  if (from.address().size() > raft::member_address_bytes_max)
    return refuse("an address is too long");
  const Address address = TRY(parse_address(from.address()));
  joining.change = {.kind = Change::Kind::add,
                    .member = MemberId(from.member()),
                    .name = from.name(),
                    .address = address.text(),
                    .force = false};
  return joining;
}

Result<Change> from_message(const clusterv1::LeaveRequest& from) {
  return needs_target(targeted(Change::Kind::leave, from.member(), from.name(), from.force()));
}

Result<Change> from_message(const clusterv1::RemoveRequest& from) {
  return needs_target(targeted(Change::Kind::remove, from.member(), from.name(), from.force()));
}

Result<Change> from_message(const clusterv1::ReplaceRequest& from) {
  if (from.member() == 0) return refuse("no newcomer is named");
  if (from.old().empty()) return refuse("no member is named");
  return targeted(Change::Kind::replace, from.member(), from.old(), from.force());
}

Result<Change> from_message(const clusterv1::TransferRequest& from) {
  return targeted(Change::Kind::transfer, from.member(), from.name(), false);
}

void to_message(const Members& members, clusterv1::MembersResponse& to) {
  for (const Members::One& one : members.all) {
    clusterv1::MembersResponse::Known& known = *to.add_members();
    to_message(one.member, *known.mutable_member());
    known.set_heard(one.heard.ns);
    known.set_held(one.held.value);
  }
  to.set_term(members.term.value);
  to.set_leader(members.leader.value);
  to.set_self(members.self.value);
  to.set_end(members.end.value);
  to.set_settled(members.settled);
  for (const GossipMember& member : members.gossip) to_message(member, *to.add_gossip());
  to.set_gossip_unreadable(members.gossip_unreadable);
}

void to_message(const Changed& changed, clusterv1::ChangeResponse& to) {
  to_message(changed.subject, *to.mutable_subject());
  to.set_before(changed.before);
  to.set_term(changed.term.value);
  to.set_already(changed.already);
}

void to_message(const Met& met, clusterv1::MeetResponse& to) {
  for (const std::string& name : met.fresh) to.add_fresh(name);
  for (const auto& [address, why] : met.unreached) {
    clusterv1::MeetResponse::Unreached& unreached = *to.add_unreached();
    unreached.set_address(address);
    unreached.set_why(why);
  }
}

void to_message(const Introduction& newcomer, clusterv1::JoinRequest& to) {
  to.set_cluster_id(newcomer.cluster.bytes.data(), newcomer.cluster.bytes.size());
  to.set_member(newcomer.member.value);
  to.set_name(newcomer.name);
  to.set_address(newcomer.address);
  to.set_version(newcomer.version);
}

void to_message(const Change& change, clusterv1::LeaveRequest& to) {
  assert(change.kind == Change::Kind::leave);
  name_target(change, to);
  to.set_force(change.force);
}

void to_message(const Change& change, clusterv1::RemoveRequest& to) {
  assert(change.kind == Change::Kind::remove);
  name_target(change, to);
  to.set_force(change.force);
}

void to_message(const Change& change, clusterv1::ReplaceRequest& to) {
  assert(change.kind == Change::Kind::replace);
  to.set_member(change.member.value);
  to.set_old(change.name);
  to.set_force(change.force);
}

void to_message(const Change& change, clusterv1::TransferRequest& to) {
  assert(change.kind == Change::Kind::transfer);
  name_target(change, to);
}

Result<Members> from_message(const clusterv1::MembersResponse& from) {
  Members members;
  for (const clusterv1::MembersResponse::Known& known : from.members()) {
    members.all.push_back(
        {TRY(read_member(known.member())), Time{known.heard()}, Index(known.held())});
  }
  members.term = Term(from.term());
  members.leader = MemberId(from.leader());
  members.self = MemberId(from.self());
  members.end = Index(from.end());
  members.settled = from.settled();
  for (const clusterv1::GossipMember& member : from.gossip()) {
    members.gossip.push_back(read_gossip(member));
  }
  members.gossip_unreadable = from.gossip_unreadable();
  return members;
}

Result<Changed> from_message(const clusterv1::ChangeResponse& from) {
  Changed changed;
  // Of a member that was taken out long ago nothing but its name may be known.
  changed.subject.name = from.subject().name();
  if (from.subject().id() != 0) changed.subject = TRY(read_member(from.subject()));
  changed.before = from.before();
  changed.term = Term(from.term());
  changed.already = from.already();
  return changed;
}

Met from_message(const clusterv1::MeetResponse& from) {
  Met met{{from.fresh().begin(), from.fresh().end()}, {}};
  for (const auto& one : from.unreached()) met.unreached.push_back({one.address(), one.why()});
  return met;
}

}  // namespace ledger::rpc
