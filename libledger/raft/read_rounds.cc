#include "raft/read_rounds.h"

#include <algorithm>

namespace ledger::raft {

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

std::vector<ReadGranted> ReadRounds::confirmed(const Configuration& configuration, MemberId self) {
  if (!under_way()) return {};
  const auto agrees = [&](const Member& member) {
    return member.standing == Standing::voter &&
           (member.id == self || answered_.contains(member.id));
  };
  const auto count = std::ranges::count_if(configuration.members, agrees);
  if (static_cast<size_t>(count) <= configuration.voters() / 2) return {};
  std::vector<ReadGranted> granted;
  for (uint64_t token : std::exchange(asked_, {})) granted.push_back({token, index_});
  return granted;
}

std::vector<uint64_t> ReadRounds::lose() {
  std::vector<uint64_t> tokens = std::exchange(asked_, {});
  std::ranges::move(std::exchange(waiting_, {}), std::back_inserter(tokens));
  return tokens;
}

}  // namespace ledger::raft
