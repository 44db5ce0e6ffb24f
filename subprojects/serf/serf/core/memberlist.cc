#include "serf/core/memberlist.h"

#include <algorithm>

#include "serf/wire/packet.h"

namespace serf {

using wire::NodeState;
using wire::Type;

namespace {

constexpr uint8_t pmax_crc = 5;

}  // namespace

Memberlist::Memberlist(Shared& shared, const Upper& upper)
    : shared_(&shared),
      link_(shared),
      roster_(shared),
      prober_(shared, link_, roster_, upper),
      exchange_(shared, roster_, prober_, upper) {}

void Memberlist::start(Instant now, std::string meta, Out& out) {
  roster_.start(now, std::move(meta), out);
  prober_.start(now);
  exchange_.start(now);
  next_gossip_ = now + shared_->profile().gossip_interval;
}

void Memberlist::packet(Instant now, const Address& from, View datagram, Out& out) {
  ++shared_->stats.packets_received;
  shared_->stats.bytes_received += datagram.size();
  auto messages = wire::open_packet(datagram, shared_->ring, shared_->config.label);
  if (!messages) {
    ++shared_->stats.packets_unreadable;
    return;
  }
  for (const std::string& one : *messages) message(now, from, one, out);
}

void Memberlist::message(Instant now, const Address& from, View message, Out& out) {
  const View body = message.substr(1);
  bool valid = true;
  const auto with = [&]<class Message>(Result<Message> decoded, auto&& act) {
    valid = decoded.has_value();
    if (valid) act(*decoded);
  };
  switch (static_cast<Type>(message[0])) {
    case Type::ping:
      with(wire::decode<wire::Ping>(body), [&](auto& m) { prober_.ping(m, from, out); });
      break;
    case Type::indirect_ping:
      with(wire::decode<wire::IndirectPing>(body),
           [&](auto& m) { prober_.indirect_ping(now, m, from, out); });
      break;
    case Type::ack:
      with(wire::decode<wire::Ack>(body), [&](auto& m) { prober_.ack(now, m, out); });
      break;
    case Type::nack:
      with(wire::decode<wire::Nack>(body), [&](auto& m) { prober_.nack(m); });
      break;
    case Type::suspect:
      with(wire::decode<wire::Suspect>(body), [&](auto& m) { roster_.suspect(now, m, out); });
      break;
    case Type::dead:
      with(wire::decode<wire::Dead>(body), [&](auto& m) { roster_.dead(now, m, out); });
      break;
    case Type::alive:
      with(wire::decode<wire::Alive>(body), [&](auto& m) {
        if (m.port == 0) m.port = shared_->config.address.port;
        roster_.alive(now, m, out);
      });
      break;
    case Type::user:
      out.upcalls.emplace_back(UserMessage{std::string(body)});
      break;
    case Type::push_pull:
    case Type::compound:
    case Type::compress:
    case Type::encrypted:
    case Type::crc:
    case Type::error:
    case Type::label:
    default:
      valid = false;
      break;
  }
  if (!valid) ++shared_->stats.messages_invalid;
}

void Memberlist::send_user(Out& out, const Address& to, View body) {
  link_.send(out, to, {std::string(1, wire::octet(Type::user)).append(body)});
}

void Memberlist::gossip(Instant now, Out& out) {
  if (!link_.gossip_waits()) return;
  const Profile& profile = shared_->profile();
  const auto peers =
      roster_.pick(static_cast<size_t>(profile.gossip_nodes), [&](const Entry& entry) {
        return entry.state == NodeState::alive || entry.state == NodeState::suspect ||
               (entry.state == NodeState::dead &&
                now - entry.changed <= profile.gossip_to_the_dead);
      });
  for (const Entry* peer : peers) link_.send_gossip(out, peer->address, peer->pmax() >= pmax_crc);
}

void Memberlist::tick(Instant now, Out& out) {
  prober_.tick(now, out);
  roster_.tick(now, out);
  exchange_.tick(now, out);
  if (now < next_gossip_) return;
  const Duration interval = shared_->profile().gossip_interval;
  next_gossip_ = next_gossip_ + interval > now ? next_gossip_ + interval : now + interval;
  gossip(now, out);
}

Instant Memberlist::wake() const {
  Instant wake = std::min({prober_.wake(), roster_.wake(), exchange_.wake()});
  if (link_.gossip_waits() && roster_.nodes().size() > 1) wake = std::min(wake, next_gossip_);
  return wake;
}

}  // namespace serf
