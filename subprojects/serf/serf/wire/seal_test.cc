#include "serf/wire/seal.h"

#include <doctest/doctest.h>

#include "tests/vectors.h"

namespace serf::wire {

using testing::from_hex;
using testing::vector_named;

const std::string key256 =
    from_hex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
const std::string key128 = from_hex("00112233445566778899aabbccddeeff");

TEST_CASE("a captured packet is opened, and sealed again with its nonce gives the same bytes") {
  for (const char* name : {"enc256-udp-ping", "enc256-udp-gossip", "enc128-udp-ping"}) {
    CAPTURE(name);
    const std::string sealed = vector_named(name);
    const KeyRing ring = KeyRing::of({View(name).starts_with("enc128") ? key128 : key256}).value();
    const std::string plain = unseal(ring, sealed, {}).value();
    CHECK(plain == vector_named(std::string(name) + "-plain"));
    Nonce nonce;
    std::copy_n(sealed.data() + 1, nonce.size(), nonce.begin());
    CHECK(seal(ring, nonce, plain, {}) == sealed);
  }
}

TEST_CASE("a packet of version 0 is opened and its padding removed") {
  const KeyRing ring = KeyRing::of({key256}).value();
  CHECK(unseal(ring, vector_named("enc256-v0-udp-ping"), {}).value() ==
        vector_named("enc256-v0-udp-ping-plain"));
}

TEST_CASE("no flipped bit and no cut of an encrypted packet goes unnoticed") {
  const KeyRing ring = KeyRing::of({key256}).value();
  const std::string sealed = vector_named("enc256-udp-ping");
  for (size_t bit = 0; bit < 8 * sealed.size(); ++bit) {
    std::string flipped = sealed;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    CAPTURE(bit);
    CHECK_FALSE(unseal(ring, flipped, {}));
  }
  for (size_t size = 0; size < sealed.size(); ++size) {
    CHECK_FALSE(unseal(ring, View(sealed).substr(0, size), {}));
  }
  CHECK_FALSE(unseal(ring, sealed, "other associated data"));
}

TEST_CASE("every key of the ring opens, and a removed key does not") {
  KeyRing ring = KeyRing::of({key128, key256}).value();
  const std::string sealed = vector_named("enc256-udp-ping");
  CHECK(unseal(ring, sealed, {}));
  REQUIRE(ring.remove(key256));
  CHECK_FALSE(unseal(ring, sealed, {}));
}

TEST_CASE("a key ring follows the rules of rotation") {
  KeyRing ring = KeyRing::of({key256}).value();
  CHECK(ring.install("short").error().message == "key size must be 16, 24 or 32 bytes");
  CHECK(ring.use(key128).error().message == "Requested key is not in the keyring");
  REQUIRE(ring.install(key128));
  REQUIRE(ring.install(key128));
  CHECK(ring.keys().size() == 2);
  CHECK(ring.remove(key256).error().message == "Removing the primary key is not allowed");
  REQUIRE(ring.use(key128));
  CHECK(ring.primary() == key128);
  REQUIRE(ring.remove(key256));
  REQUIRE(ring.remove(key256));
  CHECK(ring.keys() == std::vector{key128});
  CHECK_FALSE(KeyRing::of({"123"}));
}

}  // namespace serf::wire
