#include "history/id_index.h"

#include <sodium/crypto_shorthash.h>

#include <cassert>
#include <cstring>

namespace ledger::history {

IdIndex::IdIndex(const std::array<uint8_t, 16>& key)
    : key_(key), shards_(std::make_unique<Shard[]>(size_t{1} << shard_bits)) {
  static_assert(crypto_shorthash_KEYBYTES == 16 && crypto_shorthash_BYTES == 8);
}

uint64_t IdIndex::hash(const Id& id) const {
  uint64_t hash;
  crypto_shorthash(reinterpret_cast<unsigned char*>(&hash), id.bytes.data(), id.bytes.size(),
                   key_.data());
  return hash;
}

void IdIndex::prefetch_slots(uint64_t hash) const {
  const Shard& shard = shards_[shard_of(hash)];
  if (shard.capacity != 0) {
    __builtin_prefetch(shard.slots.get() + home(tag_of(hash), shard.capacity));
  }
}

void IdIndex::insert(uint64_t hash, Offset offset) {
  assert(offset.value < offset_max);
  Shard& shard = shards_[shard_of(hash)];
  const uint64_t slot = tag_of(hash) << offset_bits | (offset.value + 1);
  // Nine tenths full, or a run at the end that found no room: both are mended by growing.
  if (shard.count >= shard.capacity - shard.capacity / 10) grow(shard);
  while (!place(shard, slot)) grow(shard);
  ++shard.count;
  ++count_;
}

bool IdIndex::place(Shard& shard, uint64_t slot) {
  const uint32_t last = slots_of(shard.capacity) - 1;
  size_t at = home(tag_in(slot), shard.capacity);
  while (shard.slots[at] != 0 && tag_in(shard.slots[at]) <= tag_in(slot)) ++at;
  size_t end = at;
  while (shard.slots[end] != 0) ++end;
  if (end >= last) return false;
  std::memmove(&shard.slots[at + 1], &shard.slots[at], (end - at) * sizeof(uint64_t));
  shard.slots[at] = slot;
  return true;
}

void IdIndex::grow(Shard& shard) {
  Shard grown;
  grown.capacity = shard.capacity;
  bool fits = false;
  while (!fits) {
    grown.capacity += grown.capacity / 8 + 8;
    grown.slots = std::make_unique<uint64_t[]>(slots_of(grown.capacity));
    grown.count = shard.count;
    fits = true;
    // In the order of tags each slot goes behind the one before it, so the copy never shifts.
    size_t next = 0;
    const size_t end = shard.capacity == 0 ? 0 : slots_of(shard.capacity);
    for (size_t i = 0; i < end && fits; ++i) {
      const uint64_t slot = shard.slots[i];
      if (slot == 0) continue;
      next = std::max(next, home(tag_in(slot), grown.capacity));
      fits = next + 1 < slots_of(grown.capacity);
      if (fits) grown.slots[next++] = slot;
    }
  }
  bytes_ += sizeof(uint64_t) *
            (slots_of(grown.capacity) - (shard.capacity == 0 ? 0 : slots_of(shard.capacity)));
  shard = std::move(grown);
}

}  // namespace ledger::history
