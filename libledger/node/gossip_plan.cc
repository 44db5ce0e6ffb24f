#include "node/gossip_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/node_name.h"

namespace ledger::node {
namespace {

using State = rpc::GossipMember::State;

const raft::Member* find(const rpc::Members& members, MemberId id) {
  const auto found =
      std::ranges::find(members.all, id, [](const auto& one) { return one.member.id; });
  return found == members.all.end() ? nullptr : &found->member;
}

/// Whether it says everything that consensus must know of a node.
bool is_node(const rpc::GossipMember& member) {
  return member.ledger && member.member != MemberId() && !member.rpc_address.empty();
}

}  // namespace

bool is_up(const rpc::GossipMember& member) {
  return member.state == State::alive || member.state == State::suspect;
}

GossipPlan plan_by_gossip(const rpc::Members& members, const std::vector<rpc::GossipMember>& gossip,
                          const Id& cluster) {
  GossipPlan plan;
  std::map<MemberId, size_t> claims;  // Of those that are up, by id.
  for (const rpc::GossipMember& one : gossip) {
    if (is_node(one) && is_up(one)) ++claims[one.member];
  }
  for (const rpc::GossipMember& one : gossip) {
    if (!is_node(one)) continue;
    const raft::Member* known = find(members, one.member);
    const auto remark = [&](std::string text) {
      plan.remarks.push_back({one.name, std::move(text)});
    };
    if (one.cluster != cluster.text()) {
      if (is_up(one) && !one.cluster.empty()) remark("belongs to cluster " + one.cluster);
      continue;
    }
    if (one.state == State::failed && known == nullptr) plan.forget.push_back(one.name);
    if (one.state == State::left && known != nullptr && known->name == one.name &&
        one.member != members.self) {
      rpc::Change removal{.kind = rpc::Change::Kind::remove,
                          .member = one.member,
                          .name = one.name,
                          .address = {},
                          .force = false};
      plan.steps.push_back({std::move(removal), false});
    }
    if (!is_up(one)) continue;
    if (!valid_node_name(one.name)) {
      remark("has no name that a node can have");
    } else if (claims[one.member] > 1) {
      remark("has the id of another");
    } else if (known != nullptr && known->name != one.name) {
      remark(fmt::format("has the id of {}", known->name));
    } else if (one.member == members.self && members.all.size() == 1) {
      // Alone we need nobody to find us.
    } else if (known == nullptr || known->address != one.rpc_address) {
      rpc::Change addition{.kind = rpc::Change::Kind::add,
                           .member = one.member,
                           .name = one.name,
                           .address = one.rpc_address,
                           .force = false};
      plan.steps.push_back({std::move(addition), one.member != members.self});
    }
  }
  return plan;
}

}  // namespace ledger::node
