#include "history/history.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <utility>

namespace ledger::history {
History::History(const log::Log& log, const std::array<uint8_t, 16>& hash_key)
    : log_(log), past_([this](Offset offset) { return read_entry(offset); }, verdicts_, hash_key) {}

Result<Entry> History::read_entry(Offset offset) const {
  std::vector<Entry> entries = TRY(log_.read_at(offset, readable_end_, 1));
  if (entries.empty()) {
    return fail(Code::out_of_range, fmt::format("offset {} is past the end", offset.value));
  }
  return std::move(entries.front());
}

Result<void> History::apply(const Entry& entry, const Visit& visit) {
  assert(entry.index == applied_index_ + 1);
  readable_end_ = entry.index + 1;
  if (entry.kind == EntryKind::records) TRY(apply_records(entry, visit));
  applied_index_ = entry.index;
  applied_shared_.store(entry.index.value, std::memory_order_release);
  end_.store(book_.next_offset().value, std::memory_order_release);
  return {};
}

Result<void> History::apply_records(const Entry& entry, const Visit& visit) {
  Cursor cursor(entry.bytes());
  std::array<RecordView, book::Book::prefetch_records> group;
  for (uint32_t done = 0; done < entry.record_count;) {
    // What a group of records needs is fetched together, before the first of them waits for it.
    size_t count = 0;
    while (count < group.size() && done + count < entry.record_count) {
      const std::optional<Bytes> bytes = take_record(cursor);
      if (!bytes) break;
      group[count++] = view_record(*bytes);
    }
    if (count == 0) break;
    book_.prefetch({group.data(), count}, past_);
    for (const RecordView& record : std::span(group.data(), count)) {
      const Stamp stamp{entry.base_offset + done, Time{entry.recorded.ns + done}, entry.rules};
      TRY(book_.follows(stamp));
      const book::Verdict verdict = book_.apply(stamp, record, past_);
      if (std::optional<Error> error = past_.take_error()) {
        return tl::unexpected(*std::move(error));
      }
      verdicts_.add(stamp.offset, verdict);
      visit(stamp, record, verdict);
      ++done;
    }
  }
  if (!cursor.empty() || book_.next_offset() != entry.next_offset()) {
    return fail(Code::corrupt_segment,
                fmt::format("entry {}: {} records expected, {} bytes left", entry.index.value,
                            entry.record_count, cursor.rest().size()));
  }
  return {};
}

void History::prefetch(std::span<const Id> ids) const {
  past_.prefetch(ids);
}

std::optional<Offset> History::find(const Id& id) const {
  return past_.find(id);
}

Result<book::Verdict> History::judge(Offset first, const RecordView& record) const {
  const FoundRecord found = TRY(find_record([this](Offset at) { return read_entry(at); }, first));
  if (std::optional<std::string> field = book::difference(found.record, record)) {
    book::Verdict conflict{.code = book::Code::id_conflict, .first = first};
    conflict.detail.first_offset = first;
    conflict.detail.field = *std::move(field);
    return conflict;
  }
  book::Verdict repeated = verdicts_.at(first);
  repeated.duplicate = true;
  return repeated;
}

Result<book::Decision> History::recall(Offset offset, std::string* record_bytes) const {
  const FoundRecord found = TRY(find_record([this](Offset at) { return read_entry(at); }, offset));
  book::Verdict verdict = verdicts_.at(offset);
  verdict.duplicate = true;
  if (record_bytes != nullptr) *record_bytes = found.record.bytes;
  return book::decide(book_, found.stamp, found.record, verdict);
}

Result<book::Decided> History::decided(Offset from, Offset end, size_t bytes_max) const {
  const Index end_index(applied_shared_.load(std::memory_order_acquire) + 1);
  if (end > this->end() || from >= end) {
    return fail(Code::out_of_range, fmt::format("offset {} is past the end (next is {})",
                                                from.value, this->end().value));
  }
  const std::vector<Entry> entries = TRY(log_.read_at(from, end_index, bytes_max));
  book::Decided decided;
  decided.first = from;
  decided.as_of = end;
  Offset next = from;
  for (const Entry& entry : entries) {
    if (next >= end || decided.records.size() >= bytes_max) break;
    if (next < entry.base_offset || next >= entry.next_offset()) {
      return fail(Code::offset_gap,
                  fmt::format("entry {} holds offsets {} to {}, {} is missing", entry.index.value,
                              entry.base_offset.value, entry.next_offset().value, next.value));
    }
    // Whole entries are copied in one piece; only the first and the last may be cut.
    Cursor cursor(entry.bytes());
    for (Offset skip = entry.base_offset; skip < next; ++skip) take_record(cursor);
    const Bytes rest = cursor.rest();
    const Offset first = next;
    if (entry.next_offset() <= end && decided.records.size() + rest.size() <= bytes_max) {
      next = entry.next_offset();
      cursor = Cursor(Bytes());
    } else {
      while (next < std::min(end, entry.next_offset()) &&
             (next == from ||
              decided.records.size() + (rest.size() - cursor.rest().size()) < bytes_max)) {
        take_record(cursor);
        ++next;
      }
    }
    if (next == first) break;
    decided.records.append(rest.substr(0, rest.size() - cursor.rest().size()));
    const auto skipped = static_cast<int64_t>(first - entry.base_offset);
    decided.runs.push_back({.count = static_cast<uint32_t>(next - first),
                            .recorded = Time{entry.recorded.ns + skipped},
                            .term = entry.term,
                            .rules = entry.rules});
  }
  verdicts_.list(from, next, decided.verdicts, decided.details);
  return decided;
}

}  // namespace ledger::history
