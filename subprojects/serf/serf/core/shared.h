#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "serf/config.h"
#include "serf/core/broadcasts.h"
#include "serf/core/random.h"
#include "serf/core/suspicion.h"
#include "serf/event.h"

namespace serf {

/// What a member counts about itself, from its start.
struct Stats {
  uint64_t packets_received = 0;
  uint64_t packets_sent = 0;
  uint64_t bytes_received = 0;      ///< Of packets.
  uint64_t bytes_sent = 0;          ///< Of packets.
  uint64_t packets_unreadable = 0;  ///< Dropped in silence: no key fits, or damaged.
  uint64_t messages_invalid = 0;    ///< Dropped: of an unknown type or not decodable.
  uint64_t streams_opened = 0;
  uint64_t streams_accepted = 0;
  uint64_t streams_failed = 0;
  uint64_t streams_unreadable = 0;  ///< Of those: no key fits, or encrypted where we are not.
  uint64_t probes = 0;
  uint64_t probes_failed = 0;
  uint64_t refutations = 0;
  uint64_t nodes_refused = 0;  ///< Claims about nodes that break a rule: version, address, bounds.
};

/// What memberlist tells the layer above, in the order it happened.
struct NodeJoined {
  std::string name;
  Address address;
  std::string meta;
  std::string vsn;
};
struct NodeUpdated : NodeJoined {};
struct NodeLeft {
  std::string name;
};
struct NodeConflict {
  std::string name;
  Address kept;
  Address claimed;
};
/// The body of a user message, by packet or stream.
struct UserMessage {
  std::string body;
};
/// The user state of a push/pull; `join` when it answers a join that the application asked for.
struct RemoteState {
  std::string state;
  bool join;
};
/// A direct ack came in time.
struct Measured {
  std::string node;
  Duration round_trip;
  std::string payload;
};
/// A push/pull that we opened has ended.
struct Exchanged {
  Token token;
  Address address;
  std::string error;  ///< Empty when it worked.
};
/// Somebody else has us in its list.
struct SeenByOthers {};

using Upcall = std::variant<NodeJoined, NodeUpdated, NodeLeft, NodeConflict, UserMessage,
                            RemoteState, Measured, Exchanged, SeenByOthers>;

/// The effects of one step while they gather.
struct Out {
  Effects effects;
  std::vector<Upcall> upcalls;

  void log(LogLine::Level level, std::string text) {
    effects.notices.emplace_back(LogLine{level, std::move(text)});
  }
  void debug(std::string text) { log(LogLine::Level::debug, std::move(text)); }
  void info(std::string text) { log(LogLine::Level::info, std::move(text)); }
  void warn(std::string text) { log(LogLine::Level::warning, std::move(text)); }
};

/// What memberlist asks of the layer above.
class Upper {
 public:
  virtual ~Upper() = default;
  /// The user state of a push/pull.
  virtual std::string local_state(bool join) const = 0;
  /// What goes with an ack; may be empty.
  virtual std::string ack_payload() const = 0;
};

/// What the parts of one member have in common. Each part lives as long as this.
struct Shared {
  Shared(Config given, wire::Nonces& source)
      : config(std::move(given)),
        ring(config.keys),
        nonces(source),
        random(config.seed),
        health(config.profile.awareness_max),
        nodes_queue(config.limits.nodes_max),
        intents(config.limits.broadcasts_max),
        queries(config.limits.broadcasts_max),
        events(config.limits.broadcasts_max) {}

  const Profile& profile() const { return config.profile; }

  Config config;
  wire::KeyRing ring;
  wire::Nonces& nonces;
  Random random;
  Health health;
  Stats stats;
  Broadcasts nodes_queue;  ///< Memberlist messages, about one node each.
  Broadcasts intents;      ///< Serf messages; these three hold whole user messages.
  Broadcasts queries;
  Broadcasts events;
  size_t node_count = 1;    ///< Memberlist entries.
  size_t member_count = 1;  ///< Serf members.
};

}  // namespace serf
