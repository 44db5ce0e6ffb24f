#include "raft/read_asks.h"

#include <algorithm>
#include <utility>

namespace ledger::raft {

bool ReadAsks::begin(Index committed) {
  if (under_way() || waiting_.empty()) return false;
  asked_ = std::exchange(waiting_, {});
  committed_ = committed;
  ++round_;
  return true;
}

std::vector<ReadGranted> ReadAsks::grant(Index index) {
  std::vector<ReadGranted> granted;
  granted.reserve(asked_.size());
  for (uint64_t token : std::exchange(asked_, {})) granted.push_back({token, index});
  return granted;
}

std::vector<uint64_t> ReadAsks::lose() {
  std::vector<uint64_t> tokens = std::exchange(asked_, {});
  std::ranges::move(std::exchange(waiting_, {}), std::back_inserter(tokens));
  return tokens;
}

}  // namespace ledger::raft
