#pragma once

#include <optional>
#include <set>
#include <vector>

#include "serf/core/lamport.h"
#include "serf/wire/serf_messages.h"

namespace serf {

/// Lamport times that are remembered, of events and of queries.
constexpr uint64_t ring_slots = 512;

/// Recent user events, so that each is delivered once. (Spec 13.1.)
class UserEvents {
 public:
  explicit UserEvents(size_t per_time_max) : per_time_max_(per_time_max), ring_(ring_slots) {}

  /// Whether the event is news; if so it is remembered.
  bool accept(const wire::UserEvent& event);

  /// Events before that time are not news.
  void ignore_before(uint64_t ltime) { least_ = std::max(least_, ltime); }

  /// The slots in use.
  std::vector<std::optional<wire::EventSlot>> recent() const;

  Lamport& clock() { return clock_; }
  const Lamport& clock() const { return clock_; }

 private:
  size_t per_time_max_;
  Lamport clock_;
  uint64_t least_ = 0;
  std::vector<std::optional<wire::EventSlot>> ring_;
};

/// Recent query numbers, likewise.
class SeenQueries {
 public:
  explicit SeenQueries(size_t per_time_max) : per_time_max_(per_time_max), ring_(ring_slots) {}

  bool accept(uint64_t ltime, uint32_t id);

  Lamport& clock() { return clock_; }
  const Lamport& clock() const { return clock_; }

 private:
  struct Slot {
    uint64_t ltime = 0;
    std::set<uint32_t> ids;
  };

  size_t per_time_max_;
  Lamport clock_;
  std::vector<Slot> ring_;
};

}  // namespace serf
