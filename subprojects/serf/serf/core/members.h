#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "serf/core/lamport.h"
#include "serf/core/shared.h"

namespace serf {

/// Serf's view of the members: it tells one that left from one that failed. Memberlist says who is
/// there; intents, ordered by a Lamport clock, say what they meant to do. (Spec 11.)
class Members {
 public:
  explicit Members(Shared& shared) : shared_(&shared) {}

  void joined(const NodeJoined& node, Out& out);
  void updated(const NodeUpdated& node, Out& out);
  void left(Instant now, const std::string& name, Out& out);

  /// Both return whether the intent was news and is to be passed on.
  bool join_intent(Instant now, const wire::JoinIntent& intent);
  bool leave_intent(Instant now, const wire::LeaveIntent& intent, Out& out);

  /// Forgets members that are gone for long, and intents of nodes that never came.
  void reap(Instant now, Out& out);

  /// A failed member to try again, by chance the likelier the more have failed.
  const Member* pick_failed();

  const Member* find(const std::string& name) const;
  const std::map<std::string, Member>& all() const { return members_; }
  size_t count(Status status) const;

  /// Clock, times and left members of a push/pull state.
  void describe(wire::SerfState& state) const;

  Lamport& clock() { return clock_; }

 private:
  struct Intent {
    bool leave;
    uint64_t ltime;
    Instant when;
  };

  bool keep(Instant now, const std::string& name, bool leave, uint64_t ltime);
  void describe(Member& member, const NodeJoined& node, Out& out) const;
  static void notify(MemberNotice::Kind kind, const Member& member, Out& out);
  void erase(const std::string& name, Out& out);

  Shared* shared_;
  Lamport clock_;
  std::map<std::string, Member> members_;
  std::map<std::string, Intent> intents_;  ///< About nodes that are not known yet.
};

}  // namespace serf
