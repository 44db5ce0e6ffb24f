// Which record first used an id: 8 bytes an id, for ever.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "base/id.h"
#include "base/types.h"

namespace ledger::history {

/// Maps ids to offsets without holding the ids: a slot has 28 bits of a keyed hash (the tag) and 36
/// bits of offset. Whoever asks says whether the record at an offset really has the id; with 44
/// bits compared, nearly every such question is about a true repetition.
///
///     h = SipHash-2-4(key, id)      first 16 bits: shard, the 28 after them: tag
///
/// A shard is one array in the order of tags, filled by linear probing from where a tag would stand
/// if tags were spread evenly. So growing by an eighth is one sequential copy of one shard, which
/// needs neither hash nor log, and no insertion ever stops for a rehash of the whole.
///
/// Threads: one at a time.
class IdIndex {
 public:
  /// The key keeps clients who choose ids from slowing us down; it changes speed, never an answer.
  explicit IdIndex(const std::array<uint8_t, 16>& key);

  /// The hash of an id, as the other calls take it.
  uint64_t hash(const Id& id) const;

  /// Brings the place of an id into the cache: first the one, later the other.
  void prefetch_shard(uint64_t hash) const { __builtin_prefetch(&shards_[shard_of(hash)]); }
  void prefetch_slots(uint64_t hash) const;

  /// The offset with this hash that `same` says yes to.
  template <class Same>
  std::optional<Offset> find(uint64_t hash, const Same& same) const {
    const Shard& shard = shards_[shard_of(hash)];
    if (shard.count == 0) return std::nullopt;
    const uint64_t tag = tag_of(hash);
    for (const uint64_t* slot = shard.slots.get() + home(tag, shard.capacity);
         *slot != 0 && tag_in(*slot) <= tag; ++slot) {
      if (tag_in(*slot) == tag && same(offset_in(*slot))) return offset_in(*slot);
    }
    return std::nullopt;
  }

  /// Notes that `offset`, at most offset_max, first used an id that `find` does not find.
  void insert(uint64_t hash, Offset offset);

  size_t count() const { return count_; }
  /// Memory taken by slots.
  size_t bytes() const { return bytes_; }

 private:
  /// `capacity` homes and as many slots more as the last runs need; the last slot is always empty.
  struct Shard {
    std::unique_ptr<uint64_t[]> slots;
    uint32_t capacity = 0;
    uint32_t count = 0;
  };

  static constexpr size_t shard_bits = 16;
  static constexpr size_t tag_bits = 28;
  static constexpr size_t offset_bits = 36;

  static size_t shard_of(uint64_t hash) { return hash >> (64 - shard_bits); }
  static uint64_t tag_of(uint64_t hash) { return hash << shard_bits >> (64 - tag_bits); }
  // A slot is tag and offset + 1, so that none is 0.
  static uint64_t tag_in(uint64_t slot) { return slot >> offset_bits; }
  static Offset offset_in(uint64_t slot) {
    return Offset((slot & ((uint64_t{1} << offset_bits) - 1)) - 1);
  }
  static size_t home(uint64_t tag, uint32_t capacity) { return tag * capacity >> tag_bits; }
  static uint32_t slots_of(uint32_t capacity) { return capacity + capacity / 4 + 8; }

  void grow(Shard& shard);
  static bool place(Shard& shard, uint64_t slot);

  std::array<uint8_t, 16> key_;
  std::unique_ptr<Shard[]> shards_;
  size_t count_ = 0;
  size_t bytes_ = 0;
};

static_assert(offset_max < (uint64_t{1} << 36));

}  // namespace ledger::history
