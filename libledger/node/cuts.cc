#include "node/cuts.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/node_name.h"
#include "rpc/address.h"

namespace ledger::node {

Result<Cuts::Named> Cuts::parse(std::string_view text) {
  Named cuts;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const bool to = line.starts_with("to ");
    const bool from = line.starts_with("from ");
    const std::string_view rest = line.substr(to ? 3 : from ? 5 : 0);
    const std::string_view name = rest.substr(0, rest.find(' '));
    const std::string address(rest.substr(std::min(name.size() + 1, rest.size())));
    if (!valid_node_name(name) || (name != rest && !rpc::parse_address(address))) {
      return fail(Code::config_invalid, fmt::format("'{}' cuts off nobody", line),
                  "a line is a member's name, alone or after 'to' or 'from', and maybe where it "
                  "gossips");
    }
    Ways& ways = cuts[std::string(name)];
    ways.to |= !from;
    ways.from |= !to;
    if (!address.empty()) ways.gossip = address;
  }
  return cuts;
}

void Cuts::set(Named cuts) {
  const std::lock_guard lock(mutex_);
  cuts_ = std::move(cuts);
  any_ = !cuts_.empty();
}

void Cuts::set_members(const std::vector<raft::Member>& others) {
  const std::lock_guard lock(mutex_);
  names_.clear();
  for (const raft::Member& member : others) names_[member.id] = member.name;
}

Cuts::Ways Cuts::ways(MemberId member) const {
  const std::lock_guard lock(mutex_);
  const auto name = names_.find(member);
  if (name == names_.end()) return {};
  const auto cut = cuts_.find(name->second);
  return cut == cuts_.end() ? Ways() : cut->second;
}

Cuts::Ways Cuts::ways(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  const auto cut = cuts_.find(name);
  return cut == cuts_.end() ? Ways() : cut->second;
}

Cuts::Ways Cuts::ways_by_gossip(std::string_view address) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [name, ways] : cuts_) {
    if (ways.gossip == address) return ways;
  }
  return {};
}

Result<rpc::Introduction> hello(const Cuts& cuts, std::string_view name, const std::string& address,
                                Duration patience) {
  if (cuts.apart(name)) return tl::unexpected(cut_off(name));
  return rpc::hello(address, patience);
}

Error cut_off(std::string_view name) {
  return {Code::unreachable, fmt::format("{} is cut off on purpose", name), "heal the partition"};
}

}  // namespace ledger::node
