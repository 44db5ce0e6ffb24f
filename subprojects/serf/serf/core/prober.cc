#include "serf/core/prober.h"

#include <algorithm>

namespace serf {

using wire::NodeState;

namespace {

constexpr uint8_t pmax_stream_ping = 3;
constexpr uint8_t pmax_nack = 4;

}  // namespace

Prober::Prober(Shared& shared, Link& link, Roster& roster, const Upper& upper)
    : shared_(&shared), link_(&link), roster_(&roster), upper_(&upper) {}

void Prober::start(Instant now) {
  seq_no_ = static_cast<uint32_t>(shared_->random.below(1U << 20));
  const auto interval = static_cast<uint64_t>(shared_->profile().probe_interval.us);
  next_ = now + Duration{static_cast<int64_t>(shared_->random.below(interval))};
}

wire::Ping Prober::make_ping(uint32_t seq_no, const std::string& node) const {
  const Address& here = shared_->config.address;
  return {seq_no, node, wire::Blob(here.ip), here.port, shared_->config.name};
}

void Prober::ping(const wire::Ping& ping, const Address& from, Out& out) {
  if (!ping.node.empty() && ping.node != shared_->config.name) {
    out.debug("ping for " + ping.node + ", who is not here");
    return;
  }
  if (!ping.node.empty() && !ping.source_node.empty() && ping.source_node != shared_->config.name) {
    out.upcalls.emplace_back(SeenByOthers{});
  }
  const Address source{ping.source_addr, ping.source_port};
  const Address& to = source.valid() && source.port != 0 ? source : from;
  link_->send_with_gossip(out, to,
                          {encode(wire::Ack{ping.seq_no, wire::Blob(upper_->ack_payload())})});
}

void Prober::indirect_ping(Instant now, const wire::IndirectPing& ping, const Address& from,
                           Out& out) {
  const Address target{ping.target, ping.port == 0 ? shared_->config.address.port : ping.port};
  if (!target.valid() || relays_.size() >= shared_->config.limits.relayed_pings_max) return;
  const Address source{ping.source_addr, ping.source_port};
  const Address& asker = source.valid() && source.port != 0 ? source : from;
  out.debug("pinging " + ping.node + " for " + format(asker));
  const uint32_t seq_no = ++seq_no_;
  relays_[seq_no] = {ping.seq_no, asker, ping.nack, now + shared_->profile().probe_timeout};
  link_->send_with_gossip(out, target, {encode(make_ping(seq_no, ping.node))});
}

void Prober::ack(Instant now, const wire::Ack& ack, Out& out) {
  if (probe_ && probe_->seq_no == ack.seq_no) {
    if (!probe_->asked_others) {
      out.upcalls.emplace_back(Measured{probe_->node, now - probe_->sent, ack.payload});
    }
    return succeed();
  }
  auto relay = relays_.find(ack.seq_no);
  if (relay == relays_.end()) return;
  link_->send_with_gossip(out, relay->second.asker,
                          {encode(wire::Ack{relay->second.asker_seq_no, {}})});
  relays_.erase(relay);
}

void Prober::nack(const wire::Nack& nack) {
  if (probe_ && probe_->seq_no == nack.seq_no && probe_->nacks < probe_->nacks_wanted) {
    ++probe_->nacks;
  }
}

void Prober::stream_ack(uint32_t seq_no, Out& out) {
  if (!probe_ || probe_->seq_no != seq_no) return;
  out.warn("reached " + probe_->node + " by TCP but not by UDP; is UDP blocked?");
  succeed();
}

void Prober::succeed() {
  shared_->health.add(-1);
  probe_.reset();
}

void Prober::begin(Instant now, Out& out) {
  const Entry* target = roster_->next_to_probe(now);
  if (target == nullptr) return;
  ++shared_->stats.probes;
  const Profile& profile = shared_->profile();
  const Duration whole = profile.probe_interval * (shared_->health.score() + 1);
  probe_ = Probe{++seq_no_,  target->name, target->address, now, now + profile.probe_timeout,
                 now + whole};
  std::vector<std::string> messages{encode(make_ping(probe_->seq_no, target->name))};
  if (target->state == NodeState::suspect) {  // So that it can refute with the very next packet.
    messages.push_back(
        encode(wire::Suspect{target->incarnation, target->name, shared_->config.name}));
  }
  link_->send_with_gossip(out, target->address, std::move(messages));
}

void Prober::ask_others(Out& out) {
  Probe& probe = *probe_;
  probe.asked_others = true;
  const Entry* target = roster_->find(probe.node);
  const Address& here = shared_->config.address;
  const auto others = roster_->pick(
      static_cast<size_t>(shared_->profile().indirect_checks), [&](const Entry& entry) {
        return entry.state == NodeState::alive && entry.name != probe.node;
      });
  for (const Entry* other : others) {
    const bool nack = other->pmax() >= pmax_nack;
    probe.nacks_wanted += nack ? 1 : 0;
    const wire::IndirectPing ask{
        probe.seq_no, wire::Blob(probe.address.ip), probe.address.port, probe.node,
        nack,         wire::Blob(here.ip),          here.port,          shared_->config.name};
    link_->send_with_gossip(out, other->address, {encode(ask)});
  }
  if (target != nullptr && target->pmax() >= pmax_stream_ping) {
    stream_ping_ = StreamPing{probe.address, make_ping(probe.seq_no, probe.node), probe.deadline};
  }
}

void Prober::give_up(Instant now, Out& out) {
  const Probe probe = *std::exchange(probe_, std::nullopt);
  ++shared_->stats.probes_failed;
  shared_->health.add(probe.nacks_wanted > 0 ? probe.nacks_wanted - probe.nacks : 1);
  const Entry* target = roster_->find(probe.node);
  if (target == nullptr) return;
  roster_->suspect(now, {target->incarnation, target->name, shared_->config.name}, out);
}

void Prober::tick(Instant now, Out& out) {
  if (probe_ && !probe_->asked_others && now >= probe_->indirect_at) ask_others(out);
  if (probe_ && now >= probe_->deadline) give_up(now, out);
  std::erase_if(relays_, [&](const auto& item) {
    const Relay& relay = item.second;
    if (now < relay.deadline) return false;
    if (relay.nack) link_->send(out, relay.asker, {encode(wire::Nack{relay.asker_seq_no})});
    return true;
  });
  if (now < next_) return;
  const Duration interval = shared_->profile().probe_interval;
  next_ = next_ + interval > now ? next_ + interval : now + interval;
  if (!probe_) begin(now, out);
}

Instant Prober::wake() const {
  Instant wake = next_;
  if (probe_) wake = std::min(wake, probe_->asked_others ? probe_->deadline : probe_->indirect_at);
  for (const auto& [seq_no, relay] : relays_) wake = std::min(wake, relay.deadline);
  return wake;
}

}  // namespace serf
