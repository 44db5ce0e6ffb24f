#include "serf/wire/lzw.h"

#include <doctest/doctest.h>

#include <random>

#include "tests/vectors.h"

namespace serf::wire {

using testing::from_hex;
using testing::vector_named;

std::string counted(size_t size) {
  std::string out;
  for (size_t i = 0; i < size; ++i) out += static_cast<char>((7 * i + i / 251) % 256);
  return out;
}

TEST_CASE("the encoder writes what a stock node writes, and the decoder reads it") {
  const std::pair<std::string, std::string> cases[] = {
      {"lzw-empty", ""},
      {"lzw-a", "a"},
      {"lzw-aaaa16", std::string(16, 'a')},
      {"lzw-abab", "ABABABABAB"},
      {"lzw-zeros512", std::string(512, '\0')},
      {"lzw-repeat5000", counted(5000)},
  };
  for (const auto& [name, plain] : cases) {
    CAPTURE(name);
    CHECK(lzw_encode(plain) == vector_named(name));
    CHECK(lzw_decode(vector_named(name), 65'535).value() == plain);
  }
}

TEST_CASE("what is packed is unpacked to the same bytes, through full tables and any alphabet") {
  std::mt19937 random(7);
  for (unsigned alphabet : {1U, 2U, 7U, 64U, 256U}) {
    for (size_t size : {1U, 2U, 3U, 511U, 4'096U, 40'000U, 200'000U}) {
      CAPTURE(alphabet);
      CAPTURE(size);
      std::string plain;
      for (size_t i = 0; i < size; ++i) plain += static_cast<char>(random() % alphabet);
      const auto back = lzw_decode(lzw_encode(plain), size);
      REQUIRE(back);
      CHECK(*back == plain);
    }
  }
}

TEST_CASE("a gossip bomb is refused before it is inflated") {
  // 194 kB that stand for 263 MB: codes that each repeat and lengthen the one before.
  const std::string bomb = lzw_encode(std::string(size_t{20} << 20, '\0'));
  CHECK(bomb.size() < 20'000);
  const auto refused = lzw_decode(bomb, 65'535);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Code::invalid);
  CHECK(refused.error().message == "lzw: inflates above 65535 bytes");
}

TEST_CASE("a stream cut anywhere is incomplete, and a code without entry is invalid") {
  const std::string packed = vector_named("lzw-repeat5000");
  for (size_t size = 0; size < packed.size(); ++size) {
    const auto cut = lzw_decode(View(packed).substr(0, size), 65'535);
    REQUIRE_FALSE(cut);
    CHECK(cut.error().code == Code::incomplete);
  }
  // Clear (256), then 300, of which nothing has been said yet: 9 bits each, low bits first.
  CHECK(lzw_decode(from_hex("005902"), 65'535).error().code == Code::invalid);
  // The same without the clear, and a repetition (258) with nothing before it.
  CHECK(lzw_decode(from_hex("2c0100"), 65'535).error().code == Code::invalid);
  CHECK(lzw_decode(from_hex("000502"), 65'535).error().code == Code::invalid);
}

}  // namespace serf::wire
