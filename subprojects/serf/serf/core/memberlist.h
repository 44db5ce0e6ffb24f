#pragma once

#include <string>
#include <vector>

#include "serf/core/exchange.h"
#include "serf/core/link.h"
#include "serf/core/prober.h"
#include "serf/core/roster.h"

namespace serf {

/// The lower protocol as one thing: which nodes there are, found by gossip, push/pull and probes.
/// Pure; whoever owns it steps it and takes the upcalls out of `Out` afterwards, in order.
class Memberlist {
 public:
  Memberlist(Shared& shared, const Upper& upper);

  void start(Instant now, std::string meta, Out& out);

  void packet(Instant now, const Address& from, View datagram, Out& out);
  void stream_accepted(Instant now, StreamId id, Out& out) { exchange_.accepted(now, id, out); }
  void stream_received(Instant now, StreamId id, const std::string& bytes, Out& out) {
    exchange_.received(now, id, bytes, out);
  }
  void stream_closed(StreamId id, const std::string& why, Out& out) {
    exchange_.closed(id, why, out);
  }

  /// One push/pull as a join, told by Exchanged if there is a token.
  void join(Instant now, const Address& to, std::optional<Token> token, Out& out) {
    exchange_.push_pull(now, to, true, token, out);
  }

  /// Sends the body of a user message straight to an address.
  void send_user(Out& out, const Address& to, View body);

  /// Runs every timer that is due.
  void tick(Instant now, Out& out);
  Instant wake() const;

  Roster& roster() { return roster_; }
  const Roster& roster() const { return roster_; }

 private:
  void message(Instant now, const Address& from, View message, Out& out);
  void gossip(Instant now, Out& out);

  Shared* shared_;
  Link link_;
  Roster roster_;
  Prober prober_;
  Exchange exchange_;
  Instant next_gossip_{};
};

}  // namespace serf
