#include "node/cuts.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/node_name.h"

namespace ledger::node {

Result<Cuts::Named> Cuts::parse(std::string_view text) {
  Named cuts;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const bool to = line.starts_with("to ");
    const bool from = line.starts_with("from ");
    const std::string_view name = line.substr(to ? 3 : from ? 5 : 0);
    if (!valid_node_name(name)) {
      return fail(Code::config_invalid, fmt::format("'{}' cuts off nobody", line),
                  "a line is a member's name, alone or after 'to' or 'from'");
    }
    Ways& ways = cuts[std::string(name)];
    ways.to |= !from;
    ways.from |= !to;
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

}  // namespace ledger::node
