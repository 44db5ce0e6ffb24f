#include "raft/read_rounds.h"

#include <algorithm>
#include <utility>

namespace ledger::raft {

void ReadRounds::ask(MemberId member, uint64_t round) {
  const auto asked = asked_.others.find(member);
  if (asked != asked_.others.end() && asked->second == round) return;
  waiting_.others[member] = round;
}

bool ReadRounds::begin(Index committed) {
  if (under_way() || waiting_.empty()) return false;
  asked_ = std::exchange(waiting_, {});
  answered_.clear();
  index_ = committed;
  ++round_;
  return true;
}

void ReadRounds::answered(MemberId member, uint64_t round) {
  if (under_way() && round == round_) answered_.insert(member);
}

bool ReadRounds::confirmed(const Configuration& configuration, MemberId self) const {
  if (!under_way()) return false;
  const auto agrees = [&](const Member& member) {
    return member.standing == Standing::voter &&
           (member.id == self || answered_.contains(member.id));
  };
  const auto count = std::ranges::count_if(configuration.members, agrees);
  return static_cast<size_t>(count) > configuration.voters() / 2;
}

Readers ReadRounds::lose() {
  Readers lost = std::exchange(asked_, {});
  Readers waiting = std::exchange(waiting_, {});
  std::ranges::move(waiting.tokens, std::back_inserter(lost.tokens));
  for (const auto& [member, round] : waiting.others) lost.others[member] = round;
  return lost;
}

}  // namespace ledger::raft
