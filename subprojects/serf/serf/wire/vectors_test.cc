// Interoperability test 30 of the specification: every vector decodes, and what can be byte-exact
// is.

#include "tests/vectors.h"

#include <doctest/doctest.h>

#include <functional>
#include <map>
#include <set>

#include "serf/wire/crc.h"
#include "serf/wire/lzw.h"
#include "serf/wire/packet.h"
#include "serf/wire/serf_messages.h"
#include "serf/wire/stream.h"

namespace serf::wire {

using testing::from_hex;
using testing::to_hex;
using testing::vector_named;
using testing::vector_names;

namespace {

const KeyRing no_keys;

KeyRing ring_for(const std::string& name) {
  if (name.find("enc128") != std::string::npos) {
    return KeyRing::of({from_hex("00112233445566778899aabbccddeeff")}).value();
  }
  if (name.find("enc256") == std::string::npos) return {};
  return KeyRing::of({from_hex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")})
      .value();
}

std::string label_for(const std::string& name) {
  return name.find("label") != std::string::npos ? "ledger" : "";
}

/// A memberlist or Serf message, decoded and encoded again.
std::string round_trip(const std::string& message) {
  const View body = View(message).substr(1);
  switch (static_cast<Type>(message[0])) {
    case Type::ping:
      return encode(decode<Ping>(body).value());
    case Type::indirect_ping:
      return encode(decode<IndirectPing>(body).value());
    case Type::ack:
      return encode(decode<Ack>(body).value());
    case Type::nack:
      return encode(decode<Nack>(body).value());
    case Type::suspect:
      return encode(decode<Suspect>(body).value());
    case Type::dead:
      return encode(decode<Dead>(body).value());
    case Type::alive:
      return encode(decode<Alive>(body).value());
    default:
      break;
  }
  REQUIRE(message[0] == octet(Type::user));
  const View inner = body.substr(1);
  const std::string user{octet(Type::user)};
  switch (static_cast<SerfType>(body[0])) {
    case SerfType::leave:
      return user + encode(decode<LeaveIntent>(inner).value());
    case SerfType::join:
      return user + encode(decode<JoinIntent>(inner).value());
    case SerfType::user_event:
      return user + encode(decode<UserEvent>(inner).value());
    case SerfType::query:
      return user + encode(decode<Query>(inner).value());
    case SerfType::query_response:
      return user + encode(decode<QueryResponse>(inner).value());
    default:
      FAIL("unexpected Serf type");
      return {};
  }
}

std::string encode_stream(const StreamMessage& message) {
  if (const auto* push_pull = std::get_if<PushPull>(&message)) return encode(*push_pull);
  if (const auto* ping = std::get_if<Ping>(&message)) return encode(*ping);
  if (const auto* ack = std::get_if<Ack>(&message)) return encode(*ack);
  if (const auto* error = std::get_if<ErrorMessage>(&message)) return encode(*error);
  return {};
}

bool is_stream(const std::string& name) {
  return name.find("tcp") != std::string::npos;
}

}  // namespace

TEST_CASE("every vector decodes") {
  std::map<std::string, int> kinds;
  for (const std::string& name : vector_names()) {
    CAPTURE(name);
    const std::string bytes = vector_named(name);
    if (name.starts_with("lzw-")) {
      ++kinds["lzw"];
      CHECK(lzw_decode(bytes, 65'535));
    } else if (is_stream(name)) {
      ++kinds["stream"];
      const bool plain = name.ends_with("-plain");
      const KeyRing ring = plain ? KeyRing() : ring_for(name);
      StreamReader reader(ring);
      const auto message = reader.feed(bytes);
      REQUIRE(message);
      CHECK(message->has_value());
    } else {
      ++kinds["packet"];
      const bool plain = name.ends_with("-plain");
      const KeyRing ring = plain ? KeyRing() : ring_for(name);
      const auto messages = open_packet(bytes, ring, label_for(name));
      REQUIRE(messages);
      for (const std::string& message : *messages) CHECK_FALSE(round_trip(message).empty());
    }
  }
  CHECK(kinds == std::map<std::string, int>{{"lzw", 7}, {"stream", 19}, {"packet", 38}});
}

TEST_CASE("single messages are reproduced byte for byte") {
  int count = 0;
  for (const std::string& name : vector_names()) {
    if (!name.starts_with("msg-")) continue;
    CAPTURE(name);
    const std::string bytes = vector_named(name);
    CHECK(to_hex(round_trip(bytes)) == to_hex(bytes));
    ++count;
  }
  CHECK(count == 21);
  for (const char* name :
       {"udp-ping", "udp-ack-nil", "udp-ack-coordinate", "enc256-udp-ping-plain"}) {
    CHECK(to_hex(round_trip(vector_named(name))) == to_hex(vector_named(name)));
  }
}

TEST_CASE("whole streams are reproduced byte for byte, compressed and plain") {
  for (const char* stem : {"tcp-pushpull-join-request", "tcp-pushpull-join-response",
                           "tcp-pushpull-large", "tcp-pushpull-periodic", "tcp-ping"}) {
    CAPTURE(stem);
    const std::string plain = vector_named(std::string(stem) + "-plain");
    const std::string packed = vector_named(std::string(stem) + "-lzw");
    const auto message = StreamReader(no_keys).feed(packed).value();
    REQUIRE(message);
    CHECK(to_hex(encode_stream(*message)) == to_hex(plain));
    CHECK(to_hex(compress(plain)) == to_hex(packed));
  }
  for (const char* name : {"tcp-ack-lzw", "tcp-error-lzw"}) {
    const std::string packed = vector_named(name);
    const auto message = StreamReader(no_keys).feed(packed).value();
    CHECK(to_hex(compress(encode_stream(message.value()))) == to_hex(packed));
  }
}

TEST_CASE("the Serf state of a push/pull is reproduced, empty slots included") {
  for (const char* name : {"tcp-pushpull-join-request-plain", "tcp-pushpull-periodic-plain"}) {
    const auto message = StreamReader(no_keys).feed(vector_named(name)).value();
    const std::string& state = std::get<PushPull>(message.value()).user_state;
    REQUIRE(state[0] == octet(SerfType::push_pull));
    SerfState decoded = decode<SerfState>(View(state).substr(1)).value();
    CHECK(decoded.events.size() == 512);
    const std::string again = encode(decoded);
    CHECK(again.size() == state.size());
    // StatusLTimes is a Go map in random order, so compare what it means.
    CHECK(encode(decode<SerfState>(View(again).substr(1)).value()) == again);
  }
}

TEST_CASE("a compressed gossip packet is built again from its messages") {
  const std::string packet = vector_named("udp-gossip-crc-lzw-compound");
  const auto messages = open_packet(packet, no_keys).value();
  REQUIRE(messages.size() == 3);
  CHECK(to_hex(with_crc(compress_if_shorter(join_messages(messages)))) == to_hex(packet));
  const std::string encrypted_plain = vector_named("enc256-udp-gossip-plain");
  CHECK(with_crc(compress_if_shorter(
            join_messages(open_packet(encrypted_plain, no_keys).value()))) == encrypted_plain);
  const Alive alive = decode<Alive>(View(messages[0]).substr(1)).value();
  CHECK(alive.node == "node-a");
  CHECK(alive.port == 7946);
  CHECK(to_hex(alive.addr) == "7f00000b");
  CHECK(to_hex(alive.vsn) == "010502020505");
  CHECK(decode_tags(alive.meta).value() == Tags{{"role", "db"}, {"rpc_addr", "127.0.0.11:8400"}});
}

TEST_CASE("encrypted streams are reproduced with their nonces") {
  class Fixed : public Nonces {
   public:
    explicit Fixed(View bytes) { std::copy_n(bytes.data(), nonce_.size(), nonce_.begin()); }
    Nonce draw() override { return nonce_; }

   private:
    Nonce nonce_;
  };
  for (const char* name : {"enc256-tcp-pushpull-request", "enc256-tcp-pushpull-response"}) {
    const std::string bytes = vector_named(name);
    Fixed nonces(View(bytes).substr(6));
    CHECK(dress_stream(vector_named(std::string(name) + "-plain"), false, ring_for(name), nonces) ==
          bytes);
  }
  const std::string ping = from_hex("0082a44e6f6465a66e6f64652d61a55365714e6f01");
  Fixed nonces(from_hex("a0a1a2a3a4a5a6a7a8a9aaab"));
  const KeyRing ring = ring_for("enc256");
  CHECK(seal_packet(ping, ring, nonces) == vector_named("synthetic-enc256-udp"));
  CHECK(seal_packet(ping, ring, nonces, "ledger") == vector_named("synthetic-label-enc256-udp"));
  CHECK(seal_packet(ping, no_keys, nonces, "ledger") == vector_named("synthetic-label-udp"));
  CHECK(dress_stream(ping, false, ring, nonces) == vector_named("synthetic-enc256-tcp"));
}

TEST_CASE("key and conflict payloads are reproduced byte for byte") {
  const auto payload_of = [](const std::string& name) -> std::string {
    const std::string bytes = vector_named(name);
    const View body = View(bytes).substr(2);
    if (name.find("response") != std::string::npos)
      return decode<QueryResponse>(body).value().payload;
    return decode<Query>(body).value().payload;
  };
  for (const char* name :
       {"msg-key-response-ok", "msg-key-response-list", "msg-key-response-fail"}) {
    const std::string payload = payload_of(name);
    CHECK(to_hex(encode(decode<KeyResponse>(View(payload).substr(1)).value())) == to_hex(payload));
  }
  for (const char* name : {"msg-query-list-keys", "msg-query-install-key"}) {
    const std::string payload = payload_of(name);
    CHECK(to_hex(encode(decode<KeyRequest>(View(payload).substr(1)).value())) == to_hex(payload));
  }
  const std::string conflict = payload_of("msg-conflict-response");
  const auto member = decode<std::optional<ConflictMember>>(View(conflict).substr(1)).value();
  REQUIRE(member);
  CHECK(member->name == "a2");
  CHECK(to_hex(encode(member)) == to_hex(conflict));
  CHECK(to_hex(encode(std::optional<ConflictMember>())) == "06c0");
  const std::string tag_query = vector_named("msg-query-tag-filter");
  const Query query = decode<Query>(View(tag_query).substr(2)).value();
  const TagFilter filter = decode<TagFilter>(View(query.filters.value().at(0)).substr(1)).value();
  CHECK(filter.tag == "role");
  CHECK(encode(filter) == query.filters.value().at(0));
  const std::string ack = vector_named("udp-ack-coordinate");
  const std::string coordinate = decode<Ack>(View(ack).substr(1)).value().payload;
  CHECK(to_hex(encode(decode<CoordinateMessage>(View(coordinate).substr(1)).value())) ==
        to_hex(coordinate));
}

TEST_CASE("every vector cut at every length is a clean error or a shorter whole") {
  for (const std::string& name : vector_names()) {
    const std::string bytes = vector_named(name);
    if (bytes.size() > 1'000) continue;  // The large ones add time and no new path.
    const KeyRing ring = name.ends_with("-plain") ? KeyRing() : ring_for(name);
    for (size_t size = 0; size < bytes.size(); ++size) {
      const View cut = View(bytes).substr(0, size);
      if (is_stream(name)) {
        StreamReader reader(ring);
        const auto message = reader.feed(cut);
        CHECK_FALSE((message && message->has_value()));
      } else if (auto messages = open_packet(cut, ring, label_for(name)); messages) {
        for (const std::string& message : *messages) CHECK(message.size() <= bytes.size() * 20);
      }
    }
  }
}

}  // namespace serf::wire
