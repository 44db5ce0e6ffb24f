#include "serf/core/members.h"

#include <algorithm>

namespace serf {

using Kind = MemberNotice::Kind;

const char* word(Status status) {
  switch (status) {
    case Status::none:
      return "none";
    case Status::alive:
      return "alive";
    case Status::leaving:
      return "leaving";
    case Status::left:
      return "left";
    case Status::failed:
      return "failed";
  }
  return "unknown";
}

const char* word(MemberNotice::Kind kind) {
  switch (kind) {
    case Kind::join:
      return "join";
    case Kind::leave:
      return "leave";
    case Kind::failed:
      return "failed";
    case Kind::update:
      return "update";
    case Kind::reap:
      return "reap";
  }
  return "unknown";
}

void Members::notify(Kind kind, const Member& member, Out& out) {
  out.effects.notices.emplace_back(MemberNotice{kind, member});
}

void Members::describe(Member& member, const NodeJoined& node, Out& out) const {
  member.name = node.name;
  member.address = node.address;
  std::copy_n(node.vsn.begin(), std::min(node.vsn.size(), member.vsn.size()), member.vsn.begin());
  Result<wire::Tags> tags = wire::decode_tags(node.meta);
  if (!tags) out.warn("tags of " + node.name + ": " + tags.error().message);
  member.tags = tags ? *std::move(tags) : wire::Tags();
}

void Members::joined(const NodeJoined& node, Out& out) {
  const bool fresh = !members_.contains(node.name);
  // Memberlist forgets the dead long before we do, so its own bound is none on those.
  if (fresh && members_.size() >= shared_->config.limits.nodes_max) {
    ++shared_->stats.nodes_refused;
    return;
  }
  Member& member = members_[node.name];
  describe(member, node, out);
  member.status = Status::alive;
  member.gone = {};
  if (auto kept = intents_.find(node.name); fresh && kept != intents_.end()) {
    member.status_ltime = kept->second.ltime;
    if (kept->second.leave) member.status = Status::leaving;
    intents_.erase(kept);
  }
  shared_->member_count = members_.size();
  notify(Kind::join, member, out);
}

void Members::updated(const NodeUpdated& node, Out& out) {
  auto known = members_.find(node.name);
  if (known == members_.end()) return;
  describe(known->second, node, out);
  notify(Kind::update, known->second, out);
}

void Members::left(Instant now, const std::string& name, Out& out) {
  auto known = members_.find(name);
  if (known == members_.end()) return;
  Member& member = known->second;
  if (member.status != Status::leaving && member.status != Status::alive) return;
  const bool meant = member.status == Status::leaving;
  member.status = meant ? Status::left : Status::failed;
  member.gone = now;
  notify(meant ? Kind::leave : Kind::failed, member, out);
}

bool Members::keep(Instant now, const std::string& name, bool leave, uint64_t ltime) {
  auto kept = intents_.find(name);
  if (kept == intents_.end()) {
    if (intents_.size() >= shared_->config.limits.intents_max || name.size() > 255) return false;
    intents_[name] = {leave, ltime, now};
    return true;
  }
  if (ltime <= kept->second.ltime) return false;
  kept->second = {leave, ltime, now};
  return true;
}

bool Members::join_intent(Instant now, const wire::JoinIntent& intent) {
  if (!clock_.witness(intent.ltime)) return false;
  auto known = members_.find(intent.node);
  if (known == members_.end()) return keep(now, intent.node, false, intent.ltime);
  Member& member = known->second;
  if (intent.ltime <= member.status_ltime) return false;
  member.status_ltime = intent.ltime;
  if (member.status == Status::leaving) member.status = Status::alive;
  return true;
}

bool Members::leave_intent(Instant now, const wire::LeaveIntent& intent, Out& out) {
  if (!clock_.witness(intent.ltime)) return false;
  auto known = members_.find(intent.node);
  if (known == members_.end()) return keep(now, intent.node, true, intent.ltime);
  Member& member = known->second;
  if (intent.ltime <= member.status_ltime) return false;
  member.status_ltime = intent.ltime;
  if (member.status == Status::alive) {
    member.status = Status::leaving;
  } else if (member.status == Status::failed) {
    member.status = Status::left;
    notify(Kind::leave, member, out);
  }
  if (intent.prune) erase(intent.node, out);
  return true;
}

void Members::erase(const std::string& name, Out& out) {
  auto known = members_.find(name);
  if (known == members_.end()) return;
  const Member member = std::move(known->second);
  members_.erase(known);
  shared_->member_count = members_.size();
  notify(Kind::reap, member, out);
}

void Members::reap(Instant now, Out& out) {
  const Profile& profile = shared_->profile();
  std::vector<std::string> over;
  for (const auto& [name, member] : members_) {
    const bool failed = member.status == Status::failed;
    const Duration kept = failed ? profile.reconnect_timeout : profile.tombstone_timeout;
    if ((failed || member.status == Status::left) && now - member.gone > kept) over.push_back(name);
  }
  for (const std::string& name : over) erase(name, out);
  std::erase_if(intents_, [&](const auto& intent) {
    return now - intent.second.when > profile.recent_intent_timeout;
  });
}

const Member* Members::pick_failed() {
  std::vector<const Member*> failed;
  size_t gone = 0;
  for (const auto& [name, member] : members_) {
    if (member.status == Status::failed) failed.push_back(&member);
    if (member.status == Status::failed || member.status == Status::left) ++gone;
  }
  if (failed.empty()) return nullptr;
  const size_t there = std::max<size_t>(members_.size() - gone, 1);
  if (shared_->random.unit() > static_cast<double>(failed.size()) / static_cast<double>(there)) {
    return nullptr;
  }
  return failed[shared_->random.below(failed.size())];
}

const Member* Members::find(const std::string& name) const {
  auto at = members_.find(name);
  return at == members_.end() ? nullptr : &at->second;
}

size_t Members::count(Status status) const {
  return static_cast<size_t>(std::ranges::count_if(
      members_, [&](const auto& member) { return member.second.status == status; }));
}

void Members::describe(wire::SerfState& state) const {
  state.ltime = clock_.time();
  for (const auto& [name, member] : members_) {
    state.status_ltimes[name] = member.status_ltime;
    if (member.status == Status::left) state.left_members.push_back(name);
    if (member.status != Status::leaving || member.status_ltime == 0) continue;
    // The time of a member that has not left reads as a join, after which the very intent to leave
    // would be old, and who means to leave would be seen to fail. It is read one higher of those
    // that left: so this is the intent itself. (Stock nodes lose it here.)
    --state.status_ltimes[name];
    state.left_members.push_back(name);
  }
}

}  // namespace serf
