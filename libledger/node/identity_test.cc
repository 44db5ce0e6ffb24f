#include "node/identity.h"

#include <doctest/doctest.h>

#include "io/memory_disk.h"

using namespace ledger;
using node::Identity;

namespace {

Identity sample() {
  Identity identity{.name = "n1",
                    .member = MemberId(0x9f31c2aa04d7e910),
                    .cluster = *parse_id("3f2a0c11-7a10-4c00-8000-4b5a5e9d1c0a"),
                    .hash_key = {}};
  identity.hash_key[15] = 0xff;
  return identity;
}

}  // namespace

TEST_CASE("an identity is read back from its file") {
  io::MemoryDisk disk;
  CHECK_FALSE(Identity::load(disk).value());
  REQUIRE(sample().save(disk));
  CHECK(Identity::load(disk).value() == sample());
}

TEST_CASE("a directory remembers that its member has left, until it joins again") {
  io::MemoryDisk disk;
  CHECK_FALSE(Identity::has_left(disk).value());
  REQUIRE(Identity::mark_left(disk));
  disk.crash();
  CHECK(Identity::has_left(disk).value());
  REQUIRE(Identity::forget_left(disk));
  disk.crash();
  CHECK_FALSE(Identity::has_left(disk).value());
}

TEST_CASE("a changed byte anywhere in the identity is noticed") {
  const std::string text = sample().encode();
  for (size_t at = 0; at < text.size(); ++at) {
    CAPTURE(at);
    std::string changed = text;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    CHECK_FALSE(Identity::decode(changed));
  }
  for (size_t size = 0; size < text.size(); ++size)
    CHECK_FALSE(Identity::decode(text.substr(0, size)));
}

TEST_CASE("a newer format is told from damage") {
  std::string text = sample().encode();
  text.replace(text.find("format 1"), 8, "format 9");
  CHECK(Identity::decode(text).error().code == Code::format_too_new);
}
