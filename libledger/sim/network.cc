#include "sim/network.h"

#include <algorithm>

namespace ledger::sim {

std::vector<Duration> Network::carry(Instant now, MemberId from, MemberId to, bool bulk) {
  if (!connected(from, to) || random_.chance(weather_.loss_ppm)) return {};
  std::vector<Duration> copies;
  do {
    if (random_.chance(bulk ? std::max(weather_.late_ppm, weather_.late_bulk_ppm)
                            : weather_.late_ppm)) {
      copies.push_back(random_.between(weather_.delay, weather_.late));
      continue;
    }
    Instant& last = busy_[{from, to}];
    last = std::max(now + random_.between(weather_.delay / 4, weather_.delay), last + Duration(1));
    copies.push_back(last - now);
  } while (copies.size() < 3 && random_.chance(weather_.duplicate_ppm));
  return copies;
}

void Network::part(const std::vector<MemberId>& side, const std::vector<MemberId>& other,
                   bool one_way) {
  for (MemberId here : side) {
    for (MemberId there : other) {
      cut_.emplace(here, there);
      if (!one_way) cut_.emplace(there, here);
    }
  }
}

}  // namespace ledger::sim
