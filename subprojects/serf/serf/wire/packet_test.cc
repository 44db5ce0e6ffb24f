#include "serf/wire/packet.h"

#include <doctest/doctest.h>

#include "serf/wire/lzw.h"
#include "tests/nonces.h"
#include "tests/vectors.h"

namespace serf::wire {

using testing::CountingNonces;
using testing::from_hex;
using testing::vector_named;

const KeyRing no_keys;

TEST_CASE("messages that are joined come apart again") {
  const std::vector<std::string> messages = {"\x03one", "\x04two", std::string(1'000, '\x05')};
  CHECK(open_packet(join_messages(messages), no_keys).value() == messages);
  CHECK(open_packet(join_messages({"\x03one"}), no_keys).value() ==
        std::vector<std::string>{"\x03one"});
}

TEST_CASE("a packet survives every layer together") {
  const KeyRing ring = KeyRing::of({std::string(32, 'k')}).value();
  CountingNonces nonces;
  const std::vector<std::string> messages = {std::string(300, '\x04'), "\x05xyz"};
  const std::string plain = with_crc(compress_if_shorter(join_messages(messages)));
  const std::string packet = seal_packet(plain, ring, nonces, "ledger");
  CHECK(packet[0] == octet(Type::label));
  CHECK(open_packet(packet, ring, "ledger").value() == messages);
  CHECK_FALSE(open_packet(packet, ring));
  const auto unopened = open_packet(packet, no_keys, "ledger");
  CHECK((!unopened || *unopened != messages));
}

TEST_CASE("with a key, an unencrypted packet is refused") {
  const KeyRing ring = KeyRing::of({std::string(16, 'k')}).value();
  CHECK_FALSE(open_packet(vector_named("udp-ping"), ring));
}

TEST_CASE("a label that is not ours, or cut, is refused") {
  CHECK_FALSE(open_packet(vector_named("synthetic-label-udp"), no_keys));
  CHECK_FALSE(open_packet(vector_named("udp-ping"), no_keys, "ledger"));
  CHECK(open_packet(vector_named("synthetic-label-udp"), no_keys, "ledger"));
  for (const char* hex : {"f4", "f400", "f40000", "f40561"}) {
    CHECK_FALSE(open_packet(from_hex(hex), no_keys, "a"));
  }
}

TEST_CASE("a wrong checksum drops the packet") {
  std::string packet = vector_named("udp-join-intent-crc");
  CHECK(open_packet(packet, no_keys));
  packet.back() = static_cast<char>(packet.back() ^ 1);
  CHECK(open_packet(packet, no_keys).error().message == "packet: checksum does not fit");
}

TEST_CASE("of a compound that is cut, the whole parts are kept; empty parts are dropped") {
  const std::string packet = join_messages({"\x03one", "\x04two"});
  CHECK(open_packet(View(packet).substr(0, packet.size() - 1), no_keys).value() ==
        std::vector<std::string>{"\x03one"});
  CHECK_FALSE(open_packet(View(packet).substr(0, 5), no_keys));
  CHECK(open_packet(from_hex("0702 0000 0001 03"), no_keys).value() ==
        std::vector<std::string>{"\x03"});
}

TEST_CASE("nesting is followed to the bound and no further") {
  std::string packet = "\x03one";
  for (size_t depth = 0; depth < packet_depth_max; ++depth) {
    packet = depth % 2 == 0 ? compress(packet) : join_messages({packet, packet});
    CHECK(open_packet(packet, no_keys));
  }
  CHECK(open_packet(compress(packet), no_keys).error().message == "packet: nested too deeply");
}

TEST_CASE("many small bombs in one packet are bounded together") {
  const std::string bomb = compress("\x03" + std::string(40'000, 'x'));
  REQUIRE(bomb.size() < 1'000);
  CHECK(open_packet(bomb, no_keys));
  CHECK_FALSE(open_packet(join_messages({bomb, bomb}), no_keys));
}

TEST_CASE("an unknown compression is named") {
  CHECK(open_packet("\x09" + from_hex("82a4416c676f07a3427566a0"), no_keys).error().message ==
        "Cannot decompress unknown algorithm 7");
}

TEST_CASE("compression is used only where it helps") {
  CHECK(compress_if_shorter("\x03one") == "\x03one");
  CHECK(compress_if_shorter(std::string(200, 'x')).size() < 100);
}

}  // namespace serf::wire
