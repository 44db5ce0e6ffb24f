#include "history/id_index.h"

#include <doctest/doctest.h>

#include <map>

#include "io/seeded_random.h"

using namespace ledger;
using history::IdIndex;

namespace {

Id drawn(io::SeededRandom& random) {
  Id id;
  random.fill(id.bytes);
  return id;
}

}  // namespace

TEST_CASE("every id is found at its offset, and no other") {
  io::SeededRandom random(1);
  IdIndex index({});
  std::vector<Id> ids;
  // Many to a shard, so that runs collide and shards grow again and again.
  for (uint64_t i = 0; i < 400'000; ++i) {
    ids.push_back(drawn(random));
    const auto same = [&](Offset offset) { return ids[offset.value] == ids.back(); };
    const uint64_t hash = index.hash(ids.back());
    REQUIRE_FALSE(index.find(hash, same));
    index.insert(hash, Offset(i));
  }
  for (uint64_t i = 0; i < ids.size(); ++i) {
    const auto found =
        index.find(index.hash(ids[i]), [&](Offset offset) { return ids[offset.value] == ids[i]; });
    REQUIRE(found == Offset(i));
  }
  CHECK(index.count() == ids.size());
}

TEST_CASE("equal tags are told apart by the one who asks") {
  IdIndex index({});
  for (uint64_t i = 0; i < 1000; ++i) index.insert(0x1234'5678'9abc'def0, Offset(i));
  for (uint64_t i = 0; i < 1000; ++i) {
    CHECK(index.find(0x1234'5678'9abc'def0, [i](Offset offset) { return offset.value == i; }) ==
          Offset(i));
  }
  CHECK_FALSE(index.find(0x1234'5678'9abc'def0, [](Offset) { return false; }));
}

TEST_CASE("tags at the very end of a shard find room") {
  IdIndex index({});
  for (uint64_t i = 0; i < 500; ++i) index.insert(~uint64_t{0} - (i << 20), Offset(i));
  for (uint64_t i = 0; i < 500; ++i) {
    CHECK(index.find(~uint64_t{0} - (i << 20), [i](Offset offset) { return offset.value == i; }) ==
          Offset(i));
  }
}

TEST_CASE("a million ids take at most 12 bytes each, and a little") {
  io::SeededRandom random(2);
  IdIndex index({});
  for (uint64_t i = 0; i < 4'000'000; ++i) index.insert(random.next(), Offset(i));
  CHECK(index.bytes() <= 12 * 4'000'000 + (16 << 20));
}

TEST_CASE("another key gives another hash") {
  std::array<uint8_t, 16> key{};
  key[3] = 1;
  const Id id = *parse_id("0192f0c4-7a10-7c00-8000-4b5a5e9d1c0a");
  CHECK(IdIndex({}).hash(id) != IdIndex(key).hash(id));
}
