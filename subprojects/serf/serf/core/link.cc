#include "serf/core/link.h"

#include "serf/wire/packet.h"

namespace serf {
namespace {

constexpr size_t compound_header_bytes = 2;
constexpr size_t compound_part_bytes = 2;
/// Below this LZW with its wrapping seldom wins anything.
constexpr size_t compress_bytes_min = 160;

}  // namespace

size_t Link::budget() const {
  const size_t label = shared_->config.label.empty() ? 0 : 2 + shared_->config.label.size();
  const size_t sealing = shared_->ring.empty() ? 0 : wire::seal_bytes;
  return wire::packet_budget - compound_header_bytes - sealing - label;
}

bool Link::gossip_waits() const {
  return !shared_->nodes_queue.empty() || !shared_->intents.empty() || !shared_->queries.empty() ||
         !shared_->events.empty();
}

void Link::fill(std::vector<std::string>& messages, size_t budget) {
  const int mult = shared_->profile().retransmit_mult;
  const size_t nodes_limit = retransmit_limit(mult, shared_->node_count);
  const size_t serf_limit = retransmit_limit(mult, shared_->member_count);
  const size_t most = wire::compound_parts_max;
  shared_->nodes_queue.take(budget, compound_part_bytes, nodes_limit, most, messages);
  for (Broadcasts* queue : {&shared_->intents, &shared_->queries, &shared_->events}) {
    queue->take(budget, compound_part_bytes, serf_limit, most, messages);
  }
}

void Link::send_with_gossip(Out& out, const Address& to, std::vector<std::string> messages) {
  size_t used = 0;
  for (const std::string& message : messages) used += message.size() + compound_part_bytes;
  if (gossip_waits() && used < budget()) fill(messages, budget() - used);
  send(out, to, std::move(messages));
}

void Link::send(Out& out, const Address& to, std::vector<std::string> messages, bool crc) {
  std::string packet = wire::join_messages(messages);
  if (shared_->config.compression && packet.size() >= compress_bytes_min) {
    packet = wire::compress_if_shorter(std::move(packet));
  }
  if (crc) packet = wire::with_crc(packet);
  packet =
      wire::seal_packet(std::move(packet), shared_->ring, shared_->nonces, shared_->config.label);
  ++shared_->stats.packets_sent;
  shared_->stats.bytes_sent += packet.size();
  out.effects.actions.emplace_back(SendPacket{to, std::move(packet)});
}

void Link::send_gossip(Out& out, const Address& to, bool crc) {
  std::vector<std::string> messages;
  fill(messages, budget());
  if (!messages.empty()) send(out, to, std::move(messages), crc);
}

}  // namespace serf
