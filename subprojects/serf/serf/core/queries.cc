#include "serf/core/queries.h"

#include <algorithm>
#include <cmath>

#include "serf/core/filters.h"
#include "serf/wire/try.h"

namespace serf {
namespace {

constexpr size_t query_bytes_max = 1'024;
constexpr size_t response_bytes_max = 1'024;
constexpr uint8_t pmax_relay = 5;

std::string user(std::string message) {
  return wire::octet(wire::Type::user) + message;
}

const char* key_query(KeyOperation operation) {
  switch (operation) {
    case KeyOperation::install:
      return "_serf_install-key";
    case KeyOperation::use:
      return "_serf_use-key";
    case KeyOperation::remove:
      return "_serf_remove-key";
    case KeyOperation::list:
      return "_serf_list-keys";
  }
  return "_serf_list-keys";
}

}  // namespace

Queries::Queries(Shared& shared, const Members& members, Memberlist& memberlist)
    : shared_(&shared),
      members_(&members),
      memberlist_(&memberlist),
      internal_(shared, members),
      seen_(shared.config.limits.events_per_time_max) {}

Duration Queries::default_timeout() const {
  const auto alive = static_cast<double>(members_->count(Status::alive));
  return shared_->profile().gossip_interval * shared_->profile().query_timeout_mult *
         static_cast<int64_t>(std::ceil(std::log10(alive + 1)));
}

Result<void> Queries::ask(Instant now, const SendQuery& query, Out& out) {
  wire::Query message;
  message.name = query.name;
  message.payload = query.payload;
  message.flags = query.want_ack ? wire::query_flag_ack : 0;
  message.relay_factor = query.relay_factor;
  std::vector<wire::Blob> filters;
  if (!query.nodes.empty()) filters.emplace_back(wire::encode_filter(query.nodes));
  for (const wire::TagFilter& filter : query.tag_filters) filters.emplace_back(encode(filter));
  if (!filters.empty()) message.filters = std::move(filters);
  return send(now, std::move(message), query.timeout, Asked{.token = query.token}, out);
}

Result<void> Queries::change_keys(Instant now, const ChangeKeys& change, Out& out) {
  const size_t size = change.key.size();
  if (change.operation != KeyOperation::list && size != 16 && size != 24 && size != 32) {
    return fail(Code::invalid, "key size must be 16, 24 or 32 bytes");
  }
  wire::Query message;
  message.name = key_query(change.operation);
  message.payload = encode(wire::KeyRequest{change.key});
  return send(now, std::move(message), {}, Asked{.token = change.token}, out);
}

void Queries::ask_conflict(Instant now, Out& out) {
  const bool asking = std::ranges::any_of(asked_, [](const auto& a) { return a.second.conflict; });
  if (asking) return;
  wire::Query message;
  message.name = "_serf_conflict";
  message.payload = shared_->config.name;
  const auto sent = send(now, std::move(message), {}, Asked{.conflict = true}, out);
  if (!sent) out.warn(sent.error().message);
}

Result<void> Queries::send(Instant now, wire::Query query, Duration timeout, Asked asked,
                           Out& out) {
  if (timeout == Duration{}) timeout = default_timeout();
  query.ltime = seen_.clock().stamp();
  query.id = static_cast<uint32_t>(shared_->random.next() >> 33);
  query.addr = shared_->config.address.ip;
  query.port = shared_->config.address.port;
  query.source_node = shared_->config.name;
  query.timeout_ns = timeout.us * 1'000;
  if (encode(query).size() > query_bytes_max) {
    return fail(Code::invalid, "query " + query.name + ": above " +
                                   std::to_string(query_bytes_max) + " bytes encoded");
  }
  asked.deadline = now + timeout;
  asked_[{query.ltime, query.id}] = std::move(asked);
  receive(now, query, out);
  return {};
}

void Queries::receive(Instant now, const wire::Query& query, Out& out) {
  if (!seen_.accept(query.ltime, query.id)) return;
  // Also if the filters exclude us: others may have it only through us.
  if ((query.flags & wire::query_flag_no_broadcast) == 0) {
    std::string message = user(encode(query));
    if (message.size() <= 2 * query_bytes_max) shared_->queries.push(std::move(message));
  }
  const Member* self = members_->find(shared_->config.name);
  if (self == nullptr ||
      !filters_match(query.filters.value_or(std::vector<wire::Blob>()), self->name, self->tags)) {
    return;
  }
  if ((query.flags & wire::query_flag_ack) != 0) {
    send_response(query, wire::query_flag_ack, {}, out);
  }
  if (InternalQueries::is_internal(query.name)) {
    if (auto payload = internal_.answer(query, out))
      send_response(query, 0, *std::move(payload), out);
    return;
  }
  if (received_.size() >= shared_->config.limits.queries_max) return;
  const int64_t timeout_us = std::clamp<int64_t>(query.timeout_ns / 1'000, 0, hours(1).us);
  const QueryId id{query.ltime, query.id};
  received_[id] = {query, now + Duration{timeout_us}};
  out.effects.notices.emplace_back(
      QueryNotice{id, query.name, query.payload, query.source_node, now + Duration{timeout_us}});
}

Result<void> Queries::respond(const Respond& answer, Out& out) {
  auto received = received_.find(answer.query);
  if (received == received_.end())
    return fail(Code::invalid, "query: unknown, answered or expired");
  const wire::QueryResponse probe{answer.query.ltime, answer.query.id, shared_->config.name, 0,
                                  wire::Blob(answer.payload)};
  if (encode(probe).size() > response_bytes_max) {
    return fail(Code::invalid,
                "answer: above " + std::to_string(response_bytes_max) + " bytes encoded");
  }
  send_response(received->second.query, 0, answer.payload, out);
  received_.erase(received);
  return {};
}

void Queries::send_response(const wire::Query& query, uint32_t flags, std::string payload,
                            Out& out) {
  const wire::QueryResponse response{query.ltime, query.id, shared_->config.name, flags,
                                     wire::Blob(std::move(payload))};
  const Address to{query.addr, query.port};
  if (!to.valid()) return;
  if (same_place(to, shared_->config.address)) return receive_response(response, out);
  const std::string message = encode(response);
  memberlist_->send_user(out, to, message);
  if (query.relay_factor == 0 || members_->all().size() <= query.relay_factor) return;
  const auto helpers = memberlist_->roster().pick(query.relay_factor, [&](const Entry& entry) {
    return entry.state == wire::NodeState::alive && entry.pmax() >= pmax_relay &&
           !same_place(entry.address, to);
  });
  const wire::RelayHeader header{{query.addr, query.port, {}}, query.source_node};
  for (const Entry* helper : helpers) {
    memberlist_->send_user(out, helper->address, wire::encode_relay(header, message));
  }
}

void Queries::relay(View body, Out& out) {
  wire::Reader reader(body);
  const auto header = wire::read<wire::RelayHeader>(reader);
  const View inner = reader.rest();
  const Address to{header.dest_addr.ip, header.dest_addr.port};
  if (!reader.ok() || !to.valid() || inner.empty() || inner.size() > 2 * response_bytes_max) {
    ++shared_->stats.messages_invalid;
    return;
  }
  memberlist_->send_user(out, to, inner);
}

void Queries::receive_response(const wire::QueryResponse& response, Out& out) {
  auto found = asked_.find({response.ltime, response.id});
  if (found == asked_.end()) return;
  Asked& asked = found->second;
  const bool ack = (response.flags & wire::query_flag_ack) != 0;
  std::set<std::string>& heard = ack ? asked.acked : asked.answered;
  if (heard.size() >= shared_->config.limits.nodes_max || !heard.insert(response.from).second)
    return;
  if (asked.conflict) {
    const View payload = response.payload;
    const auto member = payload.empty()
                            ? Result<std::optional<wire::ConflictMember>>(std::nullopt)
                            : wire::decode<std::optional<wire::ConflictMember>>(payload.substr(1));
    const bool ours = member && *member &&
                      same_place({(*member)->addr, (*member)->port}, shared_->config.address);
    asked.votes_for_us += ours ? 1 : 0;
    return;
  }
  std::optional<std::string> payload;
  if (!ack) payload = response.payload;
  out.effects.notices.emplace_back(QueryAnswer{asked.token, response.from, std::move(payload)});
}

void Queries::tick(Instant now, Out& out) {
  std::erase_if(received_, [&](const auto& item) { return item.second.deadline <= now; });
  std::erase_if(asked_, [&](const auto& item) {
    const Asked& asked = item.second;
    if (asked.deadline > now) return false;
    if (asked.conflict) {
      verdict_ = asked.votes_for_us >= asked.answered.size() / 2 + 1;
    } else {
      out.effects.notices.emplace_back(
          QueryDone{asked.token, asked.acked.size(), asked.answered.size()});
    }
    return true;
  });
}

Instant Queries::wake() const {
  Instant wake = never;
  for (const auto& [id, asked] : asked_) wake = std::min(wake, asked.deadline);
  for (const auto& [id, received] : received_) wake = std::min(wake, received.deadline);
  return wake;
}

}  // namespace serf
