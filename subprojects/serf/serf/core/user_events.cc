#include "serf/core/user_events.h"

#include <algorithm>

namespace serf {
namespace {

bool too_old(const Lamport& clock, uint64_t ltime) {
  return clock.time() > ring_slots && ltime < clock.time() - ring_slots;
}

}  // namespace

bool UserEvents::accept(const wire::UserEvent& event) {
  if (!clock_.witness(event.ltime) || event.ltime < least_ || too_old(clock_, event.ltime))
    return false;
  std::optional<wire::EventSlot>& slot = ring_[event.ltime % ring_slots];
  if (slot && slot->ltime > event.ltime) return false;
  if (!slot || slot->ltime < event.ltime) slot = wire::EventSlot{event.ltime, {}};
  const bool seen = std::ranges::any_of(slot->events, [&](const wire::RecentEvent& other) {
    return other.name == event.name && other.payload == event.payload;
  });
  if (seen || slot->events.size() >= per_time_max_) return false;
  slot->events.push_back({event.name, event.payload});
  return true;
}

std::vector<std::optional<wire::EventSlot>> UserEvents::recent() const {
  std::vector<std::optional<wire::EventSlot>> out;
  std::ranges::copy_if(ring_, std::back_inserter(out),
                       [](const auto& slot) { return slot.has_value(); });
  return out;
}

bool SeenQueries::accept(uint64_t ltime, uint32_t id) {
  if (!clock_.witness(ltime) || too_old(clock_, ltime)) return false;
  Slot& slot = ring_[ltime % ring_slots];
  if (slot.ltime > ltime) return false;
  if (slot.ltime < ltime) slot = Slot{ltime, {}};
  return slot.ids.size() < per_time_max_ && slot.ids.insert(id).second;
}

}  // namespace serf
