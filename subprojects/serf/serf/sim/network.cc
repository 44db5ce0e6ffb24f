#include "serf/sim/network.h"

#include <algorithm>

namespace serf::sim {

Network::Network(uint64_t seed, Weather weather) : random_(seed), weather_(weather) {}

size_t Network::add(const std::string& name, const std::function<void(Config&)>& adjust) {
  const size_t number = members_.size();
  Slot& slot = members_.emplace_back();
  slot.config.name = name;
  slot.config.address = {
      std::string{'\x0a', '\0', static_cast<char>(number >> 8), static_cast<char>(number & 0xff)},
      7946};
  slot.config.seed = random_.next();
  if (adjust) adjust(slot.config);
  places_[slot.config.address] = number;
  start(number);
  return number;
}

void Network::start(size_t member) {
  Slot& slot = members_[member];
  slot.node = Node::make(slot.config, nonces_).value();
  slot.up = true;
  ++slot.life;
  slot.wake = never;
  slot.streams.clear();
  carry_out(member, slot.node->start(now_));
}

void Network::restart(size_t member) {
  members_[member].config.seed = random_.next();
  start(member);
}

void Network::crash(size_t member) {
  Slot& slot = members_[member];
  slot.up = false;
  for (const auto& [id, other] : slot.streams) {
    schedule(other.first, now_ + delay(), StreamClosed{other.second, "connection reset"});
  }
  slot.streams.clear();
}

void Network::pause(size_t member, Instant until) {
  members_[member].paused_until = until;
}

Duration Network::delay() {
  const auto span = static_cast<uint64_t>((weather_.delay_max - weather_.delay_min).us);
  return weather_.delay_min + Duration{static_cast<int64_t>(random_.below(span + 1))};
}

bool Network::connected(size_t a, size_t b) const {
  if (groups_.empty()) return true;
  auto group_a = groups_.find(a);
  auto group_b = groups_.find(b);
  return group_a != groups_.end() && group_b != groups_.end() && group_a->second == group_b->second;
}

void Network::schedule(size_t member, Instant at, Event event) {
  queue_.push({at, ++order_, member, members_[member].life, std::move(event)});
}

void Network::run_until(Instant until) {
  while (!queue_.empty() && queue_.top().at <= until) {
    Delivery next = std::move(const_cast<Delivery&>(queue_.top()));  // Popped at once.
    queue_.pop();
    now_ = std::max(now_, next.at);
    Slot& slot = members_[next.member];
    if (!slot.up || next.life != slot.life) continue;
    if (slot.paused_until > now_) {
      // Like the driver, it reads what waits on its sockets before it looks at its timers.
      const bool timer = std::holds_alternative<Wake>(next.event);
      schedule(next.member, slot.paused_until + Duration{timer ? 1 : 0}, std::move(next.event));
      continue;
    }
    const bool wake = std::holds_alternative<Wake>(next.event);
    if (wake && slot.wake > now_) continue;  // It was put off.
    if (wake) slot.wake = never;
    deliver(next.member, std::move(next.event));
  }
  now_ = until;
}

bool Network::run_until_true(const std::function<bool()>& condition, Duration span) {
  for (const Instant end = now_ + span; now_ < end; run_for(milliseconds(10))) {
    if (condition()) return true;
  }
  return condition();
}

void Network::deliver(size_t member, Event event) {
  const auto mix = [&](uint64_t value) { trace_ = (trace_ ^ value) * 1'099'511'628'211U; };
  mix(static_cast<uint64_t>(now_.us));
  mix(member << 8 | event.index());
  if (const auto* packet = std::get_if<PacketReceived>(&event)) {
    for (char octet : packet->bytes) mix(static_cast<uint8_t>(octet));
  }
  ++steps_;
  carry_out(member, members_[member].node->step(now_, std::move(event)));
}

void Network::carry_out(size_t member, Effects effects) {
  for (Action& action : effects.actions) {
    std::visit([&](auto&& one) { carry_out(member, std::move(one)); }, std::move(action));
  }
  Slot& slot = members_[member];
  for (Notice& notice : effects.notices) {
    if (std::holds_alternative<LogLine>(notice)) continue;
    if (std::holds_alternative<Stopped>(notice)) crash(member);
    slot.told.push_back({now_, std::move(notice)});
  }
  if (effects.wake < slot.wake) {
    slot.wake = std::max(effects.wake, now_);
    schedule(member, slot.wake, Wake{});
  }
}

void Network::carry_out(size_t member, SendPacket&& action) {
  auto place = places_.find(action.to);
  if (place == places_.end() || !connected(member, place->second)) return;
  if (random_.unit() < weather_.loss) return;
  schedule(place->second, now_ + delay(),
           PacketReceived{members_[member].config.address, std::move(action.bytes)});
}

void Network::carry_out(size_t member, OpenStream&& action) {
  auto place = places_.find(action.to);
  const bool there = place != places_.end() && members_[place->second].up;
  if (!there || !connected(member, place->second)) {
    // Refused at once by a host that is there, no answer at all across a partition.
    if (place == places_.end() || connected(member, place->second)) {
      schedule(member, now_ + delay(), StreamClosed{action.id, "connection refused"});
    }
    return;
  }
  const size_t other = place->second;
  const StreamId accepted = members_[other].last_accepted += 2;
  members_[member].streams[action.id] = {other, accepted};
  members_[other].streams[accepted] = {member, action.id};
  const Instant at = now_ + delay();
  schedule(other, at, StreamAccepted{accepted});
  schedule(other, at, StreamReceived{accepted, std::move(action.bytes)});
}

void Network::carry_out(size_t member, WriteStream&& action) {
  auto stream = members_[member].streams.find(action.id);
  if (stream == members_[member].streams.end()) return;
  const auto [other, id] = stream->second;
  if (!connected(member, other)) return;
  schedule(other, now_ + weather_.delay_max, StreamReceived{id, std::move(action.bytes)});
}

void Network::carry_out(size_t member, CloseStream&& action) {
  auto stream = members_[member].streams.find(action.id);
  if (stream == members_[member].streams.end()) return;
  const auto [other, id] = stream->second;
  members_[member].streams.erase(stream);
  members_[other].streams.erase(id);
  if (connected(member, other)) schedule(other, now_ + weather_.delay_max, StreamClosed{id, ""});
}

Status Network::view(size_t viewer, size_t subject) {
  const auto& members = members_[viewer].node->members();
  auto member = members.find(members_[subject].config.name);
  return member == members.end() ? Status::none : member->second.status;
}

}  // namespace serf::sim
