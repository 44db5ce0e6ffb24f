#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "serf/wire/msgpack.h"

namespace serf::wire {

/// The first octet of every memberlist message. (Spec 2.1.)
enum class Type : uint8_t {
  ping = 0,
  indirect_ping = 1,
  ack = 2,
  suspect = 3,
  alive = 4,
  dead = 5,
  push_pull = 6,
  compound = 7,
  user = 8,
  compress = 9,
  encrypted = 10,
  nack = 11,
  crc = 12,
  error = 13,
  label = 244,
};

constexpr char octet(Type type) {
  return static_cast<char>(type);
}

/// "Are you there?" An empty `node` asks whoever listens. The ack goes to the source if it is
/// filled in, else to where the packet came from.
struct Ping {
  uint32_t seq_no = 0;
  std::string node;
  Blob source_addr;
  uint16_t source_port = 0;
  std::string source_node;
};

/// "Ping `node` at `target` for me." With `nack`, say so when it does not answer.
struct IndirectPing {
  uint32_t seq_no = 0;
  Blob target;
  uint16_t port = 0;
  std::string node;
  bool nack = false;
  Blob source_addr;
  uint16_t source_port = 0;
  std::string source_node;
};

struct Ack {
  uint32_t seq_no = 0;
  Blob payload;
};

struct Nack {
  uint32_t seq_no = 0;
};

struct Suspect {
  uint32_t incarnation = 0;
  std::string node;
  std::string from;
};

/// With `from` equal to `node` it says "I leave".
struct Dead {
  uint32_t incarnation = 0;
  std::string node;
  std::string from;
};

struct Alive {
  uint32_t incarnation = 0;
  std::string node;
  Blob addr;
  uint16_t port = 0;
  Blob meta;
  Blob vsn;
};

/// Tells the opener of a stream why its outer layer could not be read.
struct ErrorMessage {
  std::string error;
};

/// `algo` 0 is LZW, and there is no other. `buf` is one whole message, its type included.
struct Compress {
  uint8_t algo = 0;
  Blob buf;
};

enum class NodeState : uint8_t { alive = 0, suspect = 1, dead = 2, left = 3 };

struct PushPullHeader {
  uint32_t nodes = 0;
  uint32_t user_state_len = 0;
  bool join = false;
};

/// One node as the sender of a push/pull knows it.
struct PushPullNode {
  std::string name;
  Blob addr;
  uint16_t port = 0;
  Blob meta;
  uint32_t incarnation = 0;
  NodeState state = NodeState::alive;
  Blob vsn;
};

/// Precedes the bytes of a user message on a stream.
struct UserHeader {
  uint32_t user_msg_len = 0;
};

/// The whole of a push/pull: `06 header node* user_state`.
struct PushPull {
  bool join = false;
  std::vector<PushPullNode> nodes;
  std::string user_state;
};

/// The fields of a message as a map, keys in ascending order, byte for byte like a stock node.
/// For the structures above; without the type octet.
template <class Message>
void write(Writer& writer, const Message& message);

/// Reads a map: any order, unknown keys ignored, missing ones zero. Errors stick to the reader.
template <class Message>
Message read(Reader& reader);

/// The type octet and the fields of a message that has its own type.
std::string encode(const Ping& message);
std::string encode(const IndirectPing& message);
std::string encode(const Ack& message);
std::string encode(const Nack& message);
std::string encode(const Suspect& message);
std::string encode(const Dead& message);
std::string encode(const Alive& message);
std::string encode(const ErrorMessage& message);
std::string encode(const Compress& message);
std::string encode(const PushPull& message);

/// Decodes the fields behind the type octet; bytes behind the map are ignored, as stock nodes do.
///
/// Errors: `incomplete`, `invalid`.
template <class Message>
Result<Message> decode(View body) {
  Reader reader(body);
  Message message = read<Message>(reader);
  return reader.status().map([&] { return std::move(message); });
}

}  // namespace serf::wire
