#include "history/history.h"

#include <absl/container/flat_hash_map.h>
#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <utility>

namespace ledger::history {
namespace {

/// A record of the log together with the entry that keeps its bytes.
struct Found {
  Entry entry;
  Stamp stamp;
  RecordView record;
};

/// Reads the record at `offset` from the entries before `end`.
Result<Found> read_record(const log::Log& log, Offset offset, Index end) {
  std::vector<Entry> entries = TRY(log.read_at(offset, end, 1));
  if (entries.empty() || offset < entries.front().base_offset ||
      offset >= entries.front().next_offset()) {
    return fail(Code::out_of_range, fmt::format("offset {} is past the end", offset.value));
  }
  Found found{.entry = std::move(entries.front()), .stamp = {}, .record = {}};
  const uint64_t number = offset - found.entry.base_offset;
  found.stamp = {offset, Time{found.entry.recorded.ns + static_cast<int64_t>(number)},
                 found.entry.rules};
  Cursor cursor(found.entry.bytes());
  for (uint64_t i = 0; i < number; ++i) {
    if (!take_record(cursor)) break;
  }
  const std::optional<Bytes> bytes = take_record(cursor);
  if (!bytes) {
    return fail(Code::corrupt_segment, fmt::format("entry {}: its records end before offset {}",
                                                   found.entry.index.value, offset.value));
  }
  found.record = view_record(*bytes);
  return found;
}

}  // namespace

/// The book's questions about earlier records, answered from memory (ids, verdicts) and the log.
class History::LogPast : public book::Past {
 public:
  LogPast(const log::Log& log, const Verdicts& verdicts) : log_(log), verdicts_(verdicts) {}

  std::optional<Offset> find(const Id& id) override {
    const auto found = ids_.find(id);
    if (found == ids_.end()) return std::nullopt;
    return found->second;
  }

  void insert(const Id& id, Offset offset) override { ids_.emplace(id, offset); }

  void prefetch(std::span<const Id> ids) override {
    for (const Id& id : ids) ids_.prefetch(id);
  }

  RecordView record(Offset offset) override {
    // A record that was applied and can't be read any more is damage that the log reports and the
    // node stops on; there is no answer to give in its place.
    Result<Found> found = read_record(log_, offset, end_);
    if (!found) {
      if (!error_) error_ = found.error();
      return {};
    }
    kept_ = *std::move(found);
    return kept_.record;
  }

  book::Verdict verdict(Offset offset) override { return verdicts_.at(offset); }

  void set_end(Index end) { end_ = end; }
  std::optional<Error> take_error() { return std::exchange(error_, std::nullopt); }

 private:
  const log::Log& log_;
  const Verdicts& verdicts_;
  absl::flat_hash_map<Id, Offset> ids_;
  Index end_;   ///< Exclusive end of what may be read: the entry being applied is the last.
  Found kept_;  ///< Keeps the bytes of the last record given out.
  std::optional<Error> error_;
};

History::History(const log::Log& log)
    : log_(log), past_(std::make_unique<LogPast>(log, verdicts_)) {}

History::~History() = default;

Result<void> History::apply(const Entry& entry, const Visit& visit) {
  assert(entry.index == applied_index_ + 1);
  past_->set_end(entry.index + 1);
  if (entry.kind == EntryKind::records) {
    Cursor cursor(entry.bytes());
    for (uint32_t i = 0; i < entry.record_count; ++i) {
      const Stamp stamp{entry.base_offset + i, Time{entry.recorded.ns + i}, entry.rules};
      const std::optional<Bytes> bytes = take_record(cursor);
      if (!bytes) break;
      TRY(book_.follows(stamp));
      const RecordView record = view_record(*bytes);
      const book::Verdict verdict = book_.apply(stamp, record, *past_);
      if (std::optional<Error> error = past_->take_error()) {
        return tl::unexpected(*std::move(error));
      }
      verdicts_.add(stamp.offset, verdict);
      visit(stamp, record, verdict);
    }
    if (!cursor.empty() || book_.next_offset() != entry.next_offset()) {
      return fail(Code::corrupt_segment,
                  fmt::format("entry {}: {} records expected, {} bytes left", entry.index.value,
                              entry.record_count, cursor.rest().size()));
    }
  }
  applied_index_ = entry.index;
  applied_shared_.store(entry.index.value, std::memory_order_release);
  end_.store(book_.next_offset().value, std::memory_order_release);
  return {};
}

std::optional<Offset> History::find(const Id& id) const {
  return past_->find(id);
}

Result<book::Verdict> History::judge(Offset first, const RecordView& record) const {
  const Found found = TRY(read_record(log_, first, applied_index_ + 1));
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
  const Found found = TRY(read_record(log_, offset, applied_index_ + 1));
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
