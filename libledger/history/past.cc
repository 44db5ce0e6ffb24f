#include "history/past.h"

#include <fmt/format.h>

#include <algorithm>

namespace ledger::history {

Result<FoundRecord> find_record(const ReadEntry& read, Offset offset) {
  FoundRecord found{.entry = TRY(read(offset)), .stamp = {}, .record = {}};
  const Entry& entry = found.entry;
  if (offset < entry.base_offset || offset >= entry.next_offset()) {
    return fail(Code::out_of_range, fmt::format("offset {} is past the end", offset.value));
  }
  const uint64_t number = offset - entry.base_offset;
  found.stamp = {offset, Time{entry.recorded.ns + static_cast<int64_t>(number)}, entry.rules};
  Cursor cursor(entry.bytes());
  for (uint64_t i = 0; i < number; ++i) {
    if (!take_record(cursor)) break;
  }
  const std::optional<Bytes> bytes = take_record(cursor);
  if (!bytes) {
    return fail(Code::corrupt_segment, fmt::format("entry {}: its records end before offset {}",
                                                   entry.index.value, offset.value));
  }
  found.record = view_record(*bytes);
  return found;
}

std::optional<Offset> Past::find(const Id& id) {
  return ids_.find(ids_.hash(id), [&](Offset offset) { return id_at(offset) == id; });
}

std::optional<Id> Past::id_at(Offset offset) {
  const Result<FoundRecord> found = find_record(read_, offset);
  if (found) return found->record.id;
  if (!error_) error_ = found.error();
  return std::nullopt;
}

void Past::prefetch(std::span<const Id> ids) {
  std::array<uint64_t, book::Book::prefetch_records> hashes;
  for (size_t i = 0; i < ids.size(); i += hashes.size()) {
    const size_t count = std::min(hashes.size(), ids.size() - i);
    for (size_t n = 0; n < count; ++n) {
      hashes[n] = ids_.hash(ids[i + n]);
      ids_.prefetch_shard(hashes[n]);
    }
    for (size_t n = 0; n < count; ++n) ids_.prefetch_slots(hashes[n]);
  }
}

RecordView Past::record(Offset offset) {
  Result<FoundRecord> found = find_record(read_, offset);
  if (!found) {
    if (!error_) error_ = found.error();
    return {};
  }
  kept_ = *std::move(found);
  return kept_.record;
}

}  // namespace ledger::history
