#include "serf/wire/messages.h"

#include "serf/wire/fields.h"

namespace serf::wire {

using detail::Either;

template <Either<Ping> Self, class Visitor>
void fields(Self& m, Visitor&& visit) {
  visit("Node", m.node);
  visit("SeqNo", m.seq_no);
  visit("SourceAddr", m.source_addr);
  visit("SourceNode", m.source_node);
  visit("SourcePort", m.source_port);
}

template <Either<IndirectPing> Self, class Visitor>
void fields(Self& m, Visitor&& visit) {
  visit("Nack", m.nack);
  visit("Node", m.node);
  visit("Port", m.port);
  visit("SeqNo", m.seq_no);
  visit("SourceAddr", m.source_addr);
  visit("SourceNode", m.source_node);
  visit("SourcePort", m.source_port);
  visit("Target", m.target);
}

template <Either<Ack> Self, class Visitor>
void fields(Self& m, Visitor&& visit) {
  visit("Payload", m.payload);
  visit("SeqNo", m.seq_no);
}

template <Either<Nack> Self, class Visitor>
void fields(Self& m, Visitor&& visit) {
  visit("SeqNo", m.seq_no);
}

template <class Self, class Visitor>
requires(Either<Self, Suspect> || Either<Self, Dead>) void fields(Self& m, Visitor&& visit) {
  visit("From", m.from);
  visit("Incarnation", m.incarnation);
  visit("Node", m.node);
}

template <Either<Alive> Self, class Visitor>
void fields(Self& m, Visitor&& visit) {
  visit("Addr", m.addr);
  visit("Incarnation", m.incarnation);
  visit("Meta", m.meta);
  visit("Node", m.node);
  visit("Port", m.port);
  visit("Vsn", m.vsn);
}

template <Either<ErrorMessage> Self, class Visitor>
void fields(Self& m, Visitor&& visit) {
  visit("Error", m.error);
}

template <Either<Compress> Self, class Visitor>
void fields(Self& m, Visitor&& visit) {
  visit("Algo", m.algo);
  visit("Buf", m.buf);
}

template <Either<PushPullHeader> Self, class Visitor>
void fields(Self& m, Visitor&& visit) {
  visit("Join", m.join);
  visit("Nodes", m.nodes);
  visit("UserStateLen", m.user_state_len);
}

template <Either<PushPullNode> Self, class Visitor>
void fields(Self& m, Visitor&& visit) {
  visit("Addr", m.addr);
  visit("Incarnation", m.incarnation);
  visit("Meta", m.meta);
  visit("Name", m.name);
  visit("Port", m.port);
  visit("State", m.state);
  visit("Vsn", m.vsn);
}

template <Either<UserHeader> Self, class Visitor>
void fields(Self& m, Visitor&& visit) {
  visit("UserMsgLen", m.user_msg_len);
}

/// A state that no version knows is refused rather than guessed.
inline void read_one(Reader& reader, NodeState& value) {
  value = static_cast<NodeState>(reader.uint(3));
}

template <class Message>
void write(Writer& writer, const Message& message) {
  detail::write_fields(writer, message);
}

template <class Message>
Message read(Reader& reader) {
  Message message;
  detail::read_fields(reader, message);
  return message;
}

template void write(Writer&, const PushPullHeader&);
template void write(Writer&, const PushPullNode&);
template void write(Writer&, const UserHeader&);
template Ping read(Reader&);
template IndirectPing read(Reader&);
template Ack read(Reader&);
template Nack read(Reader&);
template Suspect read(Reader&);
template Dead read(Reader&);
template Alive read(Reader&);
template ErrorMessage read(Reader&);
template Compress read(Reader&);
template PushPullHeader read(Reader&);
template PushPullNode read(Reader&);
template UserHeader read(Reader&);

namespace {

template <class Message>
std::string with_type(Type type, const Message& message) {
  Writer writer;
  detail::write_fields(writer, message);
  return octet(type) + writer.take();
}

}  // namespace

std::string encode(const Ping& message) {
  return with_type(Type::ping, message);
}
std::string encode(const IndirectPing& message) {
  return with_type(Type::indirect_ping, message);
}
std::string encode(const Ack& message) {
  return with_type(Type::ack, message);
}
std::string encode(const Nack& message) {
  return with_type(Type::nack, message);
}
std::string encode(const Suspect& message) {
  return with_type(Type::suspect, message);
}
std::string encode(const Dead& message) {
  return with_type(Type::dead, message);
}
std::string encode(const Alive& message) {
  return with_type(Type::alive, message);
}
std::string encode(const ErrorMessage& message) {
  return with_type(Type::error, message);
}
std::string encode(const Compress& message) {
  return with_type(Type::compress, message);
}

std::string encode(const PushPull& message) {
  Writer writer;
  write(writer, PushPullHeader{static_cast<uint32_t>(message.nodes.size()),
                               static_cast<uint32_t>(message.user_state.size()), message.join});
  for (const PushPullNode& node : message.nodes) write(writer, node);
  return octet(Type::push_pull) + writer.take() + message.user_state;
}

}  // namespace serf::wire
