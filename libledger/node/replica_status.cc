// What a replica says of itself, and why it can't do what somebody asks.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/planted.h"
#include "node/replica.h"

namespace ledger::node {

bool Replica::may_write() const {
  if (planted(Mistake::writes_before_own_term)) return role_ == raft::Role::leader;
  return role_ == raft::Role::leader && applied_term_ == term_;
}

std::string Replica::leader_address() const {
  // Our own address may have changed since it went into the configuration.
  if (leader_ == self_.id) return self_.address;
  const raft::Member* leader = engine_->configuration().find(leader_);
  return leader == nullptr ? "" : leader->address;
}

rpc::Failure Replica::not_leader() const {
  const raft::Member* other =
      leader_ == self_.id ? nullptr : engine_->configuration().find(leader_);
  if (leader_ == self_.id) {
    return {{Code::no_leader,
             fmt::format("{} begins to lead in term {} and is not ready", self_.name, term_.value),
             "retry in a moment"}};
  }
  if (other == nullptr) {
    return {{Code::no_leader, fmt::format("{} knows no leader in term {}", self_.name, term_.value),
             "retry in a moment; see 'ledgerctl log status'"}};
  }
  return {{Code::no_leader, fmt::format("{} is not the leader, {} is", self_.name, other->name),
           "ask the leader"},
          other->address};
}

/// Of what is on its way: it may last or not.
rpc::Failure Replica::unknown(std::string message, std::string leader) {
  return {{Code::unknown_outcome, std::move(message), "repeat with the same id"},
          std::move(leader)};
}

std::string_view Replica::role() const {
  switch (role_) {
    case raft::Role::follower:
      return "follower";
    case raft::Role::candidate:
      return "candidate";
    case raft::Role::leader:
      return "leader";
  }
  return "unknown";
}

bool Replica::ready() const {
  const bool led = role_ == raft::Role::leader ? may_write() : leader_ != MemberId();
  return led && history_.applied() >= committed_at_start_;
}

rpc::NodeStatus Replica::status(Now now) const {
  const auto [segments, bytes] = log_.size();
  const std::optional<Error> no_space = log_.no_space();
  return {.node = self_.name,
          .member = self_.id,
          .role = std::string(role()),
          .leader = leader_address(),
          .term = term_,
          .first_offset = Offset(),
          .next_offset = log_.next_offset(),
          .committed = history_.end(),
          .applied = history_.end(),
          .segments = segments,
          .bytes = bytes,
          .digest = history_.book().digest(),
          .clock = std::max(now.wall, history_.book().log_time()),
          .cluster = self_.cluster,
          .ready = ready(),
          .version = self_.version,
          .no_space = no_space ? full(*no_space).message : ""};
}

rpc::Members Replica::members(Now now) const {
  const raft::Status status = engine_->status();
  rpc::Members members{.all = {},
                       .term = term_,
                       .leader = leader_,
                       .self = self_.id,
                       .end = log_.last_index(),
                       .settled = may_write() && status.configuration_index <= history_.applied()};
  for (const raft::Member& member : engine_->configuration().members) {
    rpc::Members::One& one = members.all.emplace_back();
    one.member = member;
    if (member.id == self_.id) {
      one.member.address = self_.address;  // It may have changed since.
      one.heard = now.wall;
      one.held = log_.synced_index();
      continue;
    }
    if (const auto heard = heard_.find(member.id); heard != heard_.end()) {
      one.heard = heard->second.wall;
    }
    for (const auto& [id, index] : status.match) {
      if (id == member.id) one.held = index;
    }
  }
  return members;
}

/// `n1 has no room for the next segment (12 MiB free, 64 MiB needed)`.
Error Replica::full(const Error& no_space) const {
  return {no_space.code, self_.name + " has " + no_space.message,
          "free space for " + self_.name + ": it resumes by itself"};
}

}  // namespace ledger::node
