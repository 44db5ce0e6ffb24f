#include "serf/wire/stream.h"

#include <doctest/doctest.h>

#include "serf/wire/packet.h"
#include "tests/nonces.h"
#include "tests/vectors.h"

namespace serf::wire {

using testing::CountingNonces;
using testing::from_hex;
using testing::vector_named;

const KeyRing no_keys;
const KeyRing key256 =
    KeyRing::of({from_hex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")})
        .value();

TEST_CASE("a stream is complete exactly at its last byte, whatever the portions") {
  for (const char* name : {"tcp-pushpull-join-request-lzw", "tcp-pushpull-join-request-plain",
                           "tcp-pushpull-periodic-plain", "tcp-ping-lzw", "tcp-ping-plain",
                           "tcp-ack-lzw", "tcp-error-lzw", "enc256-tcp-pushpull-request"}) {
    const std::string bytes = vector_named(name);
    for (size_t portion : {size_t{1}, size_t{7}, bytes.size()}) {
      CAPTURE(name);
      CAPTURE(portion);
      StreamReader reader(View(name).starts_with("enc") ? key256 : no_keys);
      for (size_t at = 0; at < bytes.size(); at += portion) {
        const auto message = reader.feed(View(bytes).substr(at, portion));
        REQUIRE(message);
        CHECK(message->has_value() == (at + portion >= bytes.size()));
      }
    }
  }
}

TEST_CASE("a push/pull of many nodes is read in linear time from single bytes") {
  PushPull message;
  for (int i = 0; i < 2'000; ++i) {
    message.nodes.push_back({"node-" + std::to_string(i), Blob("\x7f\0\0\1"), 1, Blob("\xff\x80"),
                             1, NodeState::alive, Blob("\1\5\2\2\5\5")});
  }
  message.user_state = std::string(100'000, 's');
  const std::string bytes = encode(message);
  StreamReader reader(no_keys);
  std::optional<StreamMessage> out;
  for (char byte : bytes) {
    REQUIRE_FALSE(out);
    out = reader.feed(View(&byte, 1)).value();
  }
  REQUIRE(out);
  CHECK(std::get<PushPull>(*out).nodes.size() == 2'000);
  CHECK(encode(std::get<PushPull>(*out)) == bytes);
}

TEST_CASE("a peer whose outer layer does not fit is told why") {
  CHECK(StreamReader(no_keys).feed(vector_named("enc256-tcp-pushpull-request")).error().message ==
        "Remote state is encrypted and encryption is not configured");
  CHECK(StreamReader(key256).feed(vector_named("tcp-ping-plain")).error().message ==
        "Encryption is configured but remote state is not encrypted");
  std::string wrong = vector_named("enc256-tcp-pushpull-request");
  wrong.back() = static_cast<char>(wrong.back() ^ 1);
  const auto refused = StreamReader(key256).feed(wrong);
  CHECK(refused.error().message == "No installed keys could decrypt the message");
  CHECK(refused.error().code == Code::unreadable);
}

TEST_CASE("what is dressed for a stream is read back") {
  CountingNonces nonces;
  const std::string error = encode(ErrorMessage{"no"});
  for (const KeyRing* ring : {&no_keys, &key256}) {
    for (bool compressed : {false, true}) {
      for (View label : {View(""), View("ledger")}) {
        const std::string bytes = dress_stream(error, compressed, *ring, nonces, label);
        const auto message = StreamReader(*ring, label).feed(bytes).value();
        REQUIRE(message);
        CHECK(std::get<ErrorMessage>(*message).error == "no");
        CHECK_FALSE(StreamReader(*ring, "another").feed(bytes));
      }
    }
  }
}

TEST_CASE("announced sizes above the bounds are refused at once") {
  for (const char* hex : {
           "0a ffffffff",  // encrypted part of 4 GiB
           "06 83 a44a6f696e c3 a54e6f646573 01 ac5573657253746174654c656e ceffffffff",
           "08 81 aa557365724d73674c656e ceffffffff",  // user message of 4 GiB
           "09 82 a4416c676f 00 a3427566 dbffffffff",  // compressed 4 GiB
           "00 81 a44e6f6465 dbffffffff",              // a name of 4 GiB
           "06 dfffffffff", "00 dfffffffff",           // maps of 2^32 pairs
           "01 80", "63 80", "07 01",                  // types that no stream has
       }) {
    CAPTURE(hex);
    const std::string bytes = from_hex(hex);
    const bool sealed = bytes[0] == '\x0a';
    CHECK_FALSE(StreamReader(sealed ? key256 : no_keys).feed(bytes));
  }
}

TEST_CASE("a user message comes by stream too") {
  const auto message =
      StreamReader(no_keys).feed(from_hex("08 81 aa557365724d73674c656e 03 010203")).value();
  REQUIRE(message);
  CHECK(std::get<UserBytes>(*message).body == "\1\2\3");
}

}  // namespace serf::wire
