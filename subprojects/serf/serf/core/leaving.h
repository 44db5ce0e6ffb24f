#pragma once

#include "serf/core/memberlist.h"
#include "serf/core/members.h"

namespace serf {

/// Leaving in order: the intent first, so that others list us as left and not as failed; then
/// memberlist's own goodbye; then a while in which we still answer probes. (Spec 12.2.)
class Leaving {
 public:
  Leaving(Shared& shared, Members& members, Memberlist& memberlist)
      : shared_(&shared), members_(&members), memberlist_(&memberlist) {}

  /// Asking twice changes nothing.
  void begin(Instant now, Out& out);
  /// True once all is said and the time is over.
  bool tick(Instant now, Out& out);

  bool active() const { return phase_ != Phase::none; }
  Instant wake() const { return active() ? deadline_ : never; }

 private:
  enum class Phase : uint8_t { none, intent, goodbye, linger };

  Shared* shared_;
  Members* members_;
  Memberlist* memberlist_;
  Phase phase_ = Phase::none;
  uint64_t broadcast_ = 0;
  Instant deadline_{};
};

}  // namespace serf
