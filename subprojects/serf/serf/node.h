#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "serf/config.h"
#include "serf/core/coalescer.h"
#include "serf/core/coordinate.h"
#include "serf/core/leaving.h"
#include "serf/core/memberlist.h"
#include "serf/core/members.h"
#include "serf/core/queries.h"
#include "serf/core/user_events.h"
#include "serf/event.h"

namespace serf {

/// One member of a Serf cluster, as a pure state machine.
///
/// It owns no clock, socket, file or thread: what happened comes in by `step`, what shall happen
/// goes out. The same configuration, events and instants give the same effects, byte for byte,
/// apart from the nonces, which come from outside. Wire-compatible with stock Serf 0.9.4 and 0.10.
///
///     Effects effects = node.step(now, PacketReceived{from, bytes});
///     for (const Action& action : effects.actions) carry_out(action);
///     for (const Notice& notice : effects.notices) tell(notice);
///     // then step(now, Wake{}) no later than effects.wake
///
/// Threads: one at a time. Sources: the papers named in `core/`, specs of memberlist and Serf.
class Node : private Upper {
 public:
  /// Errors: `invalid` for a name, address or tags that no cluster would accept.
  /// `nonces` must outlive the node; without keys it is never asked.
  static Result<std::unique_ptr<Node>> make(Config config, wire::Nonces& nonces);

  /// Enters ourselves and begins. Call it once, first.
  Effects start(Instant now);

  /// Takes one event and says what follows. `now` must never run backwards.
  Effects step(Instant now, Event event);

  /// All members, sorted by name; those that failed or left stay for a day.
  const std::map<std::string, Member>& members() const { return members_.all(); }

  const Config& config() const { return shared_.config; }
  const Stats& stats() const { return shared_.stats; }
  const wire::KeyRing& keys() const { return shared_.ring; }
  /// 0 is good; up to 7. (Lifeguard.)
  int health() const { return shared_.health.score(); }
  /// How often others have accused us, plus one.
  uint32_t incarnation() const { return memberlist_.roster().self().incarnation; }
  const Coordinate& coordinate() const { return vivaldi_.here(); }
  /// Whether a member is suspected: it still counts as alive, and has not refuted yet.
  bool suspects(const std::string& name) const;
  /// The estimated round trip to a member; nothing before it was measured once.
  std::optional<Duration> round_trip(const std::string& name) const;
  /// Whether it has left, or lost its name, and does nothing any more.
  bool stopped() const { return stopped_; }

 private:
  Node(Config config, std::string meta, wire::Nonces& nonces);

  std::string local_state(bool join) const override;
  std::string ack_payload() const override;

  void take(Instant now, Wake&& event, Out& out);
  void take(Instant now, PacketReceived&& event, Out& out);
  void take(Instant now, StreamAccepted&& event, Out& out);
  void take(Instant now, StreamReceived&& event, Out& out);
  void take(Instant now, StreamClosed&& event, Out& out);
  void take(Instant now, Join&& command, Out& out);
  void take(Instant now, Leave&& command, Out& out);
  void take(Instant now, SetTags&& command, Out& out);
  void take(Instant now, SendUserEvent&& command, Out& out);
  void take(Instant now, SendQuery&& command, Out& out);
  void take(Instant now, Respond&& command, Out& out);
  void take(Instant now, ForceLeave&& command, Out& out);
  void take(Instant now, ChangeKeys&& command, Out& out);

  void hear(Instant now, NodeJoined&& upcall, Out& out);
  void hear(Instant now, NodeUpdated&& upcall, Out& out);
  void hear(Instant now, NodeLeft&& upcall, Out& out);
  void hear(Instant now, NodeConflict&& upcall, Out& out);
  void hear(Instant now, UserMessage&& upcall, Out& out);
  void hear(Instant now, RemoteState&& upcall, Out& out);
  void hear(Instant now, Measured&& upcall, Out& out);
  void hear(Instant now, Exchanged&& upcall, Out& out);
  void hear(Instant now, SeenByOthers&& upcall, Out& out);

  Effects finish(Instant now, Out out);
  void join_intent(Instant now, const wire::JoinIntent& intent, bool pass_on, Out& out);
  void leave_intent(Instant now, const wire::LeaveIntent& intent, bool pass_on, Out& out);
  void user_event(const wire::UserEvent& event, bool pass_on, Out& out);
  void announce(Instant now, Out& out);
  void stop(bool left, std::string reason, Out& out);
  Instant wake() const;

  struct Joining {
    size_t waiting = 0;
    JoinDone done;
  };

  Shared shared_;
  std::string meta_;
  Memberlist memberlist_;
  Members members_;
  UserEvents events_;
  Queries queries_;
  Leaving leaving_;
  Coalescer coalescer_;
  Vivaldi vivaldi_;
  std::map<std::string, Coordinate> coordinates_;
  std::map<Token, Joining> joins_;  ///< By a number of our own.
  Token last_join_ = 0;
  Instant next_reap_{};
  Instant next_reconnect_{};
  Instant admission_deadline_ = never;
  std::optional<NameConflict> last_conflict_;
  Instant last_conflict_at_{};
  bool stopped_ = false;
};

}  // namespace serf
