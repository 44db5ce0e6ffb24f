#include "book/memory_past.h"

#include <cassert>

namespace ledger::book {

std::optional<Offset> MemoryIndex::find(const Id& id) {
  const auto found = ids_.find(id);
  if (found == ids_.end()) return std::nullopt;
  return found->second;
}

void MemoryIndex::insert(const Id& id, Offset offset) {
  const bool inserted = ids_.emplace(id, offset).second;
  assert(inserted);
}

void MemoryIndex::prefetch(std::span<const Id> ids) {
  for (const Id& id : ids) ids_.prefetch(id);
}

Verdict MemoryIndex::verdict(Offset offset) {
  const uint8_t number = code(offset);
  assert(number != duplicate_mark);
  Verdict verdict{.code = static_cast<Code>(number), .first = first(offset)};
  if (const auto detail = details_.find(offset); detail != details_.end()) {
    verdict.detail = detail->second;
  }
  return verdict;
}

void MemoryIndex::add(const Verdict& verdict) {
  const Offset offset = next_offset();
  if (verdict.duplicate) {
    repeats_.emplace(offset, verdict.first);
  } else if (verdict.code != Code::ok) {
    details_.emplace(offset, verdict.detail);
  }
  codes_.push_back(verdict.duplicate ? duplicate_mark : static_cast<uint8_t>(verdict.code));
}

uint8_t MemoryIndex::code(Offset offset) const {
  assert(offset < next_offset());
  return codes_[offset.value];
}

Offset MemoryIndex::first(Offset offset) const {
  if (const auto repeated = repeats_.find(offset); repeated != repeats_.end()) {
    return repeated->second;
  }
  const auto detail = details_.find(offset);
  if (detail == details_.end()) return offset;
  return detail->second.first_offset.value_or(offset);
}

RecordView MemoryPast::record(Offset offset) {
  assert(offset < next_offset());
  return view_record(records_[offset.value]);
}

void MemoryPast::add(const RecordView& record, const Verdict& verdict) {
  records_.emplace_back(record.bytes);
  MemoryIndex::add(verdict);
}

}  // namespace ledger::book
