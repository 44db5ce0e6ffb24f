#pragma once

#include <map>
#include <optional>
#include <string>

#include "serf/core/link.h"
#include "serf/core/roster.h"

namespace serf {

/// Asks one node after the other whether it is there, and asks for others too.
///
/// Source: SWIM, sections 3 and 4; Lifeguard, section IV-A; spec 8.
class Prober {
 public:
  Prober(Shared& shared, Link& link, Roster& roster, const Upper& upper);

  void start(Instant now);

  void ping(const wire::Ping& ping, const Address& from, Out& out);
  void indirect_ping(Instant now, const wire::IndirectPing& ping, const Address& from, Out& out);
  void ack(Instant now, const wire::Ack& ack, Out& out);
  void nack(const wire::Nack& nack);

  /// A ping by stream that the exchange is to make; taken once.
  struct StreamPing {
    Address to;
    wire::Ping ping;
    Instant deadline;
  };
  std::optional<StreamPing> take_stream_ping() { return std::exchange(stream_ping_, std::nullopt); }
  /// Its answer came.
  void stream_ack(uint32_t seq_no, Out& out);

  void tick(Instant now, Out& out);
  Instant wake() const;

 private:
  struct Probe {
    uint32_t seq_no;
    std::string node;
    Address address;
    Instant sent;
    Instant indirect_at;
    Instant deadline;
    bool asked_others = false;
    int nacks_wanted = 0;
    int nacks = 0;
  };
  struct Relay {
    uint32_t asker_seq_no;
    Address asker;
    bool nack;
    Instant deadline;
  };

  wire::Ping make_ping(uint32_t seq_no, const std::string& node) const;
  void begin(Instant now, Out& out);
  void ask_others(Out& out);
  void give_up(Instant now, Out& out);
  void succeed();

  Shared* shared_;
  Link* link_;
  Roster* roster_;
  const Upper* upper_;
  uint32_t seq_no_ = 0;
  Instant next_{};
  std::optional<Probe> probe_;
  std::map<uint32_t, Relay> relays_;  ///< By our own number.
  std::optional<StreamPing> stream_ping_;
};

}  // namespace serf
