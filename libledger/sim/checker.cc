#include "sim/checker.h"

#include <functional>

namespace ledger::sim {
namespace {

std::string name(MemberId member) {
  return "member " + std::to_string(member.value);
}
std::string name(Index index) {
  return "entry " + std::to_string(index.value);
}
std::string name(Term term) {
  return "term " + std::to_string(term.value);
}

}  // namespace

Checker::Content Checker::content(const Entry& entry) {
  int64_t value = entry.recorded.ns;
  if (entry.payload) value ^= static_cast<int64_t>(std::hash<std::string>()(*entry.payload));
  return {entry.term, entry.kind, value};
}

void Checker::leads(MemberId member, Term term) {
  const auto [found, first] = leaders_.emplace(term, member);
  if (first || found->second == member) return;
  throw Violation(name(member) + " and " + name(found->second) + " lead in " + name(term));
}

void Checker::votes(MemberId member, const Vote& before, const Vote& after) {
  if (after.term < before.term) throw Violation(name(member) + ": its term goes back");
  if (after.term == before.term && before.voted_for != MemberId() &&
      before.voted_for != after.voted_for) {
    throw Violation(name(member) + ": its vote changes in " + name(after.term));
  }
}

void Checker::appended(MemberId member, const Entry& entry) {
  const auto [found, first] =
      entries_.emplace(Position{entry.index.value, entry.term.value}, content(entry));
  if (first || found->second == content(entry)) return;
  throw Violation(name(member) + ": " + name(entry.index) + " of " + name(entry.term) +
                  " is another than before");
}

void Checker::commits(MemberId leader, const raft::Configuration& configuration, const Entry& entry,
                      const std::map<MemberId, const MemberLog*>& disks) {
  size_t holders = 0;
  for (const raft::Member& voter : configuration.members) {
    if (voter.standing != raft::Standing::voter) continue;
    const auto disk = disks.find(voter.id);
    if (disk == disks.end()) continue;
    if (disk->second->holds_durably(entry.index, entry.term)) ++holders;
  }
  if (holders > configuration.voters() / 2) return;
  throw Violation(name(leader) + ": commits " + name(entry.index) + ", which " +
                  std::to_string(holders) + " of " + std::to_string(configuration.voters()) +
                  " voters have on disk");
}

void Checker::applies(MemberId member, Index index, const Entry& entry, bool leading) {
  if (entry.index != index) throw Violation(name(member) + ": skips " + name(index));
  if (index.value > applied_.size()) {
    if (index.value != applied_.size() + 1) throw Violation(name(member) + ": skips entries");
    applied_.push_back(content(entry));
  } else if (applied_[index.value - 1] != content(entry)) {
    throw Violation(name(member) + ": applies another " + name(index) + " than others did");
  }
  if (leading) acknowledged_ = std::max(acknowledged_, index);
}

void Checker::read(Index asked_at, Index granted) const {
  if (granted >= asked_at) return;
  throw Violation("a read as of " + name(granted) + " misses " + name(asked_at));
}

}  // namespace ledger::sim
