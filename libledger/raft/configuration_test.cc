#include "raft/configuration.h"

#include <doctest/doctest.h>

using namespace ledger;
using namespace ledger::raft;

namespace {

Configuration three() {
  return {{{MemberId(3), Standing::voter, "one", "10.0.0.1:8400"},
           {MemberId(7), Standing::standby, "", "h:1"},
           {MemberId(~uint64_t{0}), Standing::voter, std::string(32, 'n'), std::string(255, 'a')}}};
}

}  // namespace

TEST_CASE("a configuration is read back as it was written") {
  CHECK(Configuration::decode(three().encode()) == three());
}

TEST_CASE("a configuration's bytes are those of its description") {
  const Configuration one{{{MemberId(0x0102), Standing::voter, "n", "h:1"}}};
  CHECK(one.encode() == std::string("\x01\x01\x02\x01\0\0\0\0\0\0\x01\x01n\x03h:1", 17));
}

TEST_CASE("a configuration cut or lengthened anywhere is refused") {
  const std::string bytes = three().encode();
  for (size_t end = 0; end < bytes.size(); ++end) {
    CHECK_FALSE(Configuration::decode(Bytes(bytes).substr(0, end)));
  }
  CHECK_FALSE(Configuration::decode(bytes + '\0'));
}

TEST_CASE("whatever one byte becomes, a configuration is refused or is what its bytes say") {
  const std::string bytes = three().encode();
  for (size_t at = 0; at < bytes.size(); ++at) {
    for (int flip = 1; flip < 256; flip += 7) {
      std::string changed = bytes;
      changed[at] = static_cast<char>(changed[at] ^ flip);
      if (const auto read = Configuration::decode(changed)) CHECK(read->encode() == changed);
    }
  }
}

TEST_CASE("nobody, an id of zero, an id twice and an unknown standing are refused") {
  const auto member = [](char id, char standing) {
    return std::string{id, 0, 0, 0, 0, 0, 0, 0, standing, 0, 0};
  };
  CHECK(Configuration::decode("\x01\x01" + member(1, 1)));
  CHECK_FALSE(Configuration::decode(std::string("\x01\x00", 2)));
  CHECK_FALSE(Configuration::decode("\x01\x01" + member(0, 1)));
  CHECK_FALSE(Configuration::decode("\x01\x02" + member(1, 1) + member(1, 1)));
  CHECK_FALSE(Configuration::decode("\x01\x02" + member(2, 1) + member(1, 1)));
  CHECK_FALSE(Configuration::decode("\x01\x01" + member(1, 2)));
  CHECK_FALSE(Configuration::decode("\x02\x01" + member(1, 1)));
}

TEST_CASE("members are found by id and by name, and voters are counted") {
  const Configuration configuration = three();
  CHECK(configuration.find(MemberId(7)) == &configuration.members[1]);
  CHECK(configuration.find(MemberId(4)) == nullptr);
  CHECK(configuration.named("one") == &configuration.members[0]);
  CHECK(configuration.named("two") == nullptr);
  CHECK(configuration.voters() == 2);
  CHECK(configuration.is_voter(MemberId(3)));
  CHECK_FALSE(configuration.is_voter(MemberId(7)));
  CHECK_FALSE(configuration.is_voter(MemberId(8)));
}
