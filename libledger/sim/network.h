// Who can talk to whom, and how badly.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "raft/engine.h"
#include "sim/random.h"

namespace ledger::sim {

/// What happens to a message on its way.
struct Weather {
  uint32_t loss_ppm = 0;
  uint32_t duplicate_ppm = 0;
  uint32_t late_ppm = 0;       ///< Takes up to `late` instead of up to `delay`, and keeps no order.
  uint32_t late_bulk_ppm = 0;  ///< The same for what travels apart from the stream.
  Duration delay = std::chrono::milliseconds(1);
  Duration late = std::chrono::milliseconds(1);  ///< At least `delay`.
};

/// A network that loses, doubles, delays and now and then reorders, and has cut links in either
/// direction. Like the streams that nodes use, a link keeps its order otherwise.
class Network {
 public:
  Network(Random& random, Weather weather) : random_(random), weather_(weather) {}

  bool connected(MemberId from, MemberId to) const { return !cut_.contains({from, to}); }
  /// How long each copy that arrives takes; none where the message is lost.
  std::vector<Duration> carry(Instant now, MemberId from, MemberId to, bool bulk);

  /// Cuts all links between the two sides, one way or both.
  void part(const std::vector<MemberId>& side, const std::vector<MemberId>& other, bool one_way);
  void heal() { cut_.clear(); }
  void calm(Weather weather) { weather_ = weather; }

 private:
  Random& random_;
  Weather weather_;
  std::set<std::pair<MemberId, MemberId>> cut_;
  std::map<std::pair<MemberId, MemberId>, Instant> busy_;  ///< When a link's last arrives.
};

}  // namespace ledger::sim
