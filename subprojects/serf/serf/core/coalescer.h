#pragma once

#include <algorithm>
#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "serf/config.h"
#include "serf/event.h"

namespace serf {

/// Holds back notices about members and user events for a moment, so that a burst of them becomes
/// the little that matters, as `serf agent` does. (Spec 17.)
///
/// Of a member only the newest notice is told, and that not when it is of the kind that was told
/// last, but for updates. Of user events that may be coalesced, those of the newest Lamport time of
/// each name are told. Notices come by name; all others pass at once, before those that are held.
class Coalescer {
 public:
  Coalescer(const Coalescing& members, const Coalescing& events, const Limits& limits)
      : members_when_(members), events_when_(events), events_max_(limits.coalesced_events_max) {}

  /// Takes what is to be held out of `notices`, and appends what is due; with `last` everything is.
  void pass(Instant now, bool last, std::vector<Notice>& notices);

  /// When something held becomes due.
  Instant wake() const;

 private:
  /// When a batch is told: at the end of the quiet, or when it has waited for long.
  struct Batch {
    Instant quiet = never;
    Instant most = never;

    Instant due() const { return std::min(quiet, most); }
    void extend(Instant now, const Coalescing& when);
  };

  bool hold(Instant now, Notice& notice);
  void tell_members(std::vector<Notice>& notices);
  void tell_events(std::vector<Notice>& notices);

  Coalescing members_when_;
  Coalescing events_when_;
  size_t events_max_;
  Batch members_batch_;
  Batch events_batch_;
  std::map<std::string, MemberNotice> members_;
  std::map<std::string, MemberNotice::Kind> told_;  ///< Of members that are not reaped.
  std::map<std::string, std::vector<UserEventNotice>> events_;
  size_t events_count_ = 0;
};

}  // namespace serf
