#pragma once

#include <cstdint>
#include <string>

#include "serf/address.h"
#include "serf/time.h"
#include "serf/wire/seal.h"
#include "serf/wire/serf_messages.h"

namespace serf {

/// The constants of a network. All members of a cluster should use the same. (Spec 17.)
struct Profile {
  Duration probe_interval = seconds(1);
  Duration probe_timeout = milliseconds(500);
  int indirect_checks = 3;
  int suspicion_mult = 4;
  int suspicion_max_timeout_mult = 6;
  int awareness_max = 8;
  int retransmit_mult = 4;
  Duration gossip_interval = milliseconds(200);
  int gossip_nodes = 3;
  Duration gossip_to_the_dead = seconds(30);
  Duration push_pull_interval = seconds(30);
  Duration stream_timeout = seconds(10);

  Duration broadcast_timeout = seconds(5);  ///< For each of the two steps of leaving.
  Duration leave_propagation = seconds(1);
  Duration reap_interval = seconds(15);
  Duration reconnect_interval = seconds(30);
  Duration reconnect_timeout = hours(24);  ///< Failed members are forgotten after this.
  Duration tombstone_timeout = hours(24);  ///< Members that left, likewise.
  Duration recent_intent_timeout = seconds(300);
  Duration admission_timeout = seconds(40);  ///< Longer than a push/pull interval.
  int query_timeout_mult = 16;
};

/// The profiles of `serf agent -profile`.
Profile lan_profile();
Profile wan_profile();
Profile local_profile();

/// How long notices may be held back, so that a burst of them becomes few.
struct Coalescing {
  Duration most{};   ///< The first of a batch waits at most this long. Zero: nothing is held back.
  Duration quiet{};  ///< The batch is told when nothing was added to it for this long.

  constexpr bool on() const { return most > Duration{}; }
};

/// What `serf agent` does with members and with user events.
constexpr Coalescing agent_coalescing{seconds(3), seconds(1)};

/// What a hostile network may make one member hold. Nothing grows above these.
struct Limits {
  size_t nodes_max = 65'536;                   ///< Entries, dead ones included.
  size_t streams_max = 128;                    ///< Streams served at once.
  size_t stream_bytes_total_max = 67'108'864;  ///< Bytes buffered by all streams together.
  size_t relayed_pings_max = 1'024;            ///< Indirect pings served at once.
  size_t broadcasts_max = 4'096;               ///< Per queue of Serf messages.
  size_t intents_max = 4'096;                  ///< Kept for nodes that are not known yet.
  size_t queries_max = 1'024;                  ///< Received ones that may still be answered.
  size_t events_per_time_max = 64;             ///< Of one Lamport time.
  size_t coalesced_events_max = 4'096;         ///< Held back; those above it pass at once.
};

/// Our version vector in alive messages: PMin PMax PCur DMin DMax DCur. (Spec 6.)
constexpr std::string_view our_vsn{"\x01\x05\x02\x02\x05\x05", 6};

/// What a member is told once, at its start.
struct Config {
  std::string name;    ///< Unique in the cluster, 1 to 128 of `[A-Za-z0-9.-]`.
  Address address;     ///< Where others reach us, UDP and TCP. IPv4 as 4 octets.
  wire::Tags tags;     ///< At most 512 bytes encoded.
  wire::KeyRing keys;  ///< Empty: no encryption.
  std::string label;   ///< Newer stock nodes only; leave it empty.
  bool compression = true;
  bool coordinates = true;        ///< Estimate round trips by Vivaldi and tell others.
  bool ignore_old_events = true;  ///< When joining, events of the time before.
  size_t event_bytes_max = 512;   ///< Encoded; never above what one packet carries.
  Coalescing coalesce_members;    ///< Off by default; core/coalescer.h says what it does.
  Coalescing coalesce_events;     ///< Only user events whose sender allows it.
  uint64_t seed = 1;              ///< All choices that are not nonces follow from it.
  Profile profile;
  Limits limits;
};

}  // namespace serf
