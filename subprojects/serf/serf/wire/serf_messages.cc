#include "serf/wire/serf_messages.h"

#include "serf/wire/fields.h"
#include "serf/wire/try.h"

namespace serf::wire {

using detail::Either;

template <Either<JoinIntent> Self, class Visitor>
void fields(Self& m, Visitor&& visit) {
  visit("LTime", m.ltime);
  visit("Node", m.node);
}

template <Either<LeaveIntent> Self, class Visitor>
void fields(Self& m, Visitor&& visit) {
  visit("LTime", m.ltime);
  visit("Node", m.node);
  visit("Prune", m.prune);
}

template <Either<RecentEvent> Self, class Visitor>
void fields(Self& m, Visitor&& visit) {
  visit("Name", m.name);
  visit("Payload", m.payload);
}

template <Either<EventSlot> Self, class Visitor>
void fields(Self& m, Visitor&& visit) {
  visit("Events", m.events);
  visit("LTime", m.ltime);
}

template <Either<SerfState> Self, class Visitor>
void fields(Self& m, Visitor&& visit) {
  visit("EventLTime", m.event_ltime);
  visit("Events", m.events);
  visit("LTime", m.ltime);
  visit("LeftMembers", m.left_members);
  visit("QueryLTime", m.query_ltime);
  visit("StatusLTimes", m.status_ltimes);
}

template <Either<UserEvent> Self, class Visitor>
void fields(Self& m, Visitor&& visit) {
  visit("CC", m.cc);
  visit("LTime", m.ltime);
  visit("Name", m.name);
  visit("Payload", m.payload);
}

template <Either<Query> Self, class Visitor>
void fields(Self& m, Visitor&& visit) {
  visit("Addr", m.addr);
  visit("Filters", m.filters);
  visit("Flags", m.flags);
  visit("ID", m.id);
  visit("LTime", m.ltime);
  visit("Name", m.name);
  visit("Payload", m.payload);
  visit("Port", m.port);
  visit("RelayFactor", m.relay_factor);
  visit("SourceNode", m.source_node);
  visit("Timeout", m.timeout_ns);
}

template <Either<TagFilter> Self, class Visitor>
void fields(Self& m, Visitor&& visit) {
  visit("Expr", m.expr);
  visit("Tag", m.tag);
}

template <Either<QueryResponse> Self, class Visitor>
void fields(Self& m, Visitor&& visit) {
  visit("Flags", m.flags);
  visit("From", m.from);
  visit("ID", m.id);
  visit("LTime", m.ltime);
  visit("Payload", m.payload);
}

template <Either<UdpAddress> Self, class Visitor>
void fields(Self& m, Visitor&& visit) {
  visit("IP", m.ip);
  visit("Port", m.port);
  visit("Zone", m.zone);
}

template <Either<RelayHeader> Self, class Visitor>
void fields(Self& m, Visitor&& visit) {
  visit("DestAddr", m.dest_addr);
  visit("DestName", m.dest_name);
}

template <Either<ConflictMember> Self, class Visitor>
void fields(Self& m, Visitor&& visit) {
  visit("Addr", m.addr);
  visit("DelegateCur", m.vsn[5]);
  visit("DelegateMax", m.vsn[4]);
  visit("DelegateMin", m.vsn[3]);
  visit("Name", m.name);
  visit("Port", m.port);
  visit("ProtocolCur", m.vsn[2]);
  visit("ProtocolMax", m.vsn[1]);
  visit("ProtocolMin", m.vsn[0]);
  visit("Status", m.status);
  visit("Tags", m.tags);
}

template <Either<KeyRequest> Self, class Visitor>
void fields(Self& m, Visitor&& visit) {
  visit("Key", m.key);
}

template <Either<KeyResponse> Self, class Visitor>
void fields(Self& m, Visitor&& visit) {
  visit("Keys", m.keys);
  visit("Message", m.message);
  visit("PrimaryKey", m.primary_key);
  visit("Result", m.result);
}

template <Either<CoordinateMessage> Self, class Visitor>
void fields(Self& m, Visitor&& visit) {
  visit("Adjustment", m.adjustment);
  visit("Error", m.error);
  visit("Height", m.height);
  visit("Vec", m.vec);
}

template <class Message>
Message read(Reader& reader) {
  Message message{};
  detail::read_value(reader, message);
  return message;
}

template JoinIntent read(Reader&);
template LeaveIntent read(Reader&);
template SerfState read(Reader&);
template UserEvent read(Reader&);
template Query read(Reader&);
template QueryResponse read(Reader&);
template RelayHeader read(Reader&);
template std::optional<ConflictMember> read(Reader&);
template KeyRequest read(Reader&);
template KeyResponse read(Reader&);
template CoordinateMessage read(Reader&);
template TagFilter read(Reader&);
template NodeFilter read(Reader&);

namespace {

template <class Message>
std::string with_octet(char first, const Message& message) {
  Writer writer;
  detail::write_value(writer, message);
  return first + writer.take();
}

}  // namespace

std::string encode(const JoinIntent& message) {
  return with_octet(octet(SerfType::join), message);
}
std::string encode(const LeaveIntent& message) {
  return with_octet(octet(SerfType::leave), message);
}
std::string encode(const SerfState& message) {
  return with_octet(octet(SerfType::push_pull), message);
}
std::string encode(const UserEvent& message) {
  return with_octet(octet(SerfType::user_event), message);
}
std::string encode(const Query& message) {
  return with_octet(octet(SerfType::query), message);
}
std::string encode(const QueryResponse& message) {
  return with_octet(octet(SerfType::query_response), message);
}
std::string encode(const std::optional<ConflictMember>& message) {
  return with_octet(octet(SerfType::conflict_response), message);
}
std::string encode(const KeyRequest& message) {
  return with_octet(octet(SerfType::key_request), message);
}
std::string encode(const KeyResponse& message) {
  return with_octet(octet(SerfType::key_response), message);
}
std::string encode_relay(const RelayHeader& header, View inner) {
  return with_octet(octet(SerfType::relay), header).append(inner);
}
std::string encode(const TagFilter& filter) {
  return with_octet('\x01', filter);
}
std::string encode_filter(const NodeFilter& names) {
  return with_octet('\x00', names);
}
std::string encode(const CoordinateMessage& message) {
  return with_octet('\x01', message);
}

Result<std::string> encode_tags(const Tags& tags) {
  std::string meta = with_octet('\xff', tags);
  if (meta.size() > meta_bytes_max) {
    return fail(Code::invalid, "tags: " + std::to_string(meta.size()) + " bytes encoded, at most " +
                                   std::to_string(meta_bytes_max));
  }
  return meta;
}

Result<Tags> decode_tags(View meta) {
  if (!meta.starts_with('\xff')) return Tags{{"role", std::string(meta)}};
  Reader reader(meta.substr(1));
  Tags tags;
  detail::read_value(reader, tags);
  return reader.status().map([&] { return std::move(tags); });
}

}  // namespace serf::wire
