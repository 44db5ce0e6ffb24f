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

Result<std::optional<Offset>> History::find(const Id& id) const {
  const std::optional<Offset> found = past_.find(id);
  if (std::optional<Error> error = past_.take_error()) return tl::unexpected(*std::move(error));
  return found;
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

/// A batch of decided records as it is gathered, entry by entry.
class History::Gathering {
 public:
  Gathering(Offset from, Offset end, size_t bytes_max)
      : from_(from), end_(end), bytes_max_(bytes_max), next_(from) {
    decided_.first = from;
    decided_.as_of = end;
  }

  bool wants_more() const { return next_ < end_ && decided_.records.size() < bytes_max_; }
  size_t bytes_left() const { return bytes_max_ - decided_.records.size(); }
  Offset next() const { return next_; }

  /// Takes of `entry` what is wanted: nothing where even its first record is too large for what is
  /// left. Errors: `offset_gap`.
  Result<void> take(const Entry& entry) {
    if (next_ < entry.base_offset || next_ >= entry.next_offset()) {
      return fail(Code::offset_gap,
                  fmt::format("entry {} holds offsets {} to {}, {} is missing", entry.index.value,
                              entry.base_offset.value, entry.next_offset().value, next_.value));
    }
    // Whole entries are copied in one piece; only the first and the last may be cut.
    Cursor cursor(entry.bytes());
    for (Offset skip = entry.base_offset; skip < next_; ++skip) take_record(cursor);
    const Bytes rest = cursor.rest();
    const Offset first = next_;
    if (entry.next_offset() <= end_ && decided_.records.size() + rest.size() <= bytes_max_) {
      next_ = entry.next_offset();
      cursor = Cursor(Bytes());
    } else {
      while (next_ < std::min(end_, entry.next_offset()) &&
             (next_ == from_ ||
              decided_.records.size() + (rest.size() - cursor.rest().size()) < bytes_max_)) {
        take_record(cursor);
        ++next_;
      }
    }
    if (next_ == first) return {};
    decided_.records.append(rest.substr(0, rest.size() - cursor.rest().size()));
    const auto skipped = static_cast<int64_t>(first - entry.base_offset);
    decided_.runs.push_back({.count = static_cast<uint32_t>(next_ - first),
                             .recorded = Time{entry.recorded.ns + skipped},
                             .term = entry.term,
                             .rules = entry.rules});
    return {};
  }

  book::Decided finish(const Verdicts& verdicts) {
    verdicts.list(from_, next_, decided_.verdicts, decided_.details);
    return std::move(decided_);
  }

 private:
  const Offset from_;
  const Offset end_;
  const size_t bytes_max_;
  Offset next_;
  book::Decided decided_;
};

Result<book::Decided> History::decided(Offset from, Offset end, size_t bytes_max) const {
  const Index end_index(applied_shared_.load(std::memory_order_acquire) + 1);
  if (end > this->end() || from >= end) {
    return fail(Code::out_of_range, fmt::format("offset {} is past the end (next is {})",
                                                from.value, this->end().value));
  }
  Gathering gathering(from, end, bytes_max);
  if (const std::optional<Entry> cut = cut_at(from)) TRY(gathering.take(*cut));
  if (!gathering.wants_more()) return gathering.finish(verdicts_);

  Result<std::vector<Entry>> entries =
      log_.read_at(gathering.next(), end_index, gathering.bytes_left());
  if (!entries) {
    // What was gathered stands; the next call will say what is wrong behind it.
    if (gathering.next() == from) return tl::unexpected<Error>(entries.error());
    return gathering.finish(verdicts_);
  }
  for (const Entry& entry : *entries) {
    if (!gathering.wants_more()) break;
    TRY(gathering.take(entry));
    if (gathering.next() >= entry.next_offset()) continue;
    const std::lock_guard lock(cut_mutex_);
    cut_ = entry;
    break;
  }
  return gathering.finish(verdicts_);
}

std::optional<Entry> History::cut_at(Offset offset) const {
  const std::lock_guard lock(cut_mutex_);
  if (!cut_ || offset < cut_->base_offset || offset >= cut_->next_offset()) return std::nullopt;
  return cut_;
}

}  // namespace ledger::history
