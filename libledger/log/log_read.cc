// The readers' half of LogFiles.
#include <fmt/format.h>

#include <algorithm>
#include <cassert>

#include "log/log_files.h"

namespace ledger::log {

/// Entries that are collected for a reader.
class LogFiles::Batch {
 public:
  Batch(Index end, size_t bytes_max) : end_(end), bytes_max_(bytes_max) {}

  /// Whether the next entry, with that much payload, belongs in.
  bool takes(Index index, size_t payload_bytes) {
    full_ = full_ || index >= end_ || (!entries_.empty() && bytes_ + payload_bytes > bytes_max_);
    return !full_;
  }
  void add(Entry entry) {
    bytes_ += entry.bytes().size();
    entries_.push_back(std::move(entry));
  }

  bool full() const { return full_; }
  Index next(Index from) const { return entries_.empty() ? from : entries_.back().index + 1; }
  Index end() const { return end_; }
  size_t bytes_left() const { return bytes_max_ > bytes_ ? bytes_max_ - bytes_ : 0; }
  bool empty() const { return entries_.empty(); }
  std::vector<Entry> take() { return std::move(entries_); }

 private:
  const Index end_;
  const size_t bytes_max_;
  size_t bytes_ = 0;
  bool full_ = false;
  std::vector<Entry> entries_;
};

Result<std::vector<Entry>> LogFiles::read(Index from, Index end, size_t bytes_max) const {
  Batch batch(end, bytes_max);
  while (!batch.full()) {
    const Index next = batch.next(from);
    Place place;
    {
      const std::lock_guard lock(mutex_);
      if (next == Index(0) || next > tip_.index + 1) {
        return fail(Code::out_of_range, fmt::format("entry {} is not in the log, which has {}",
                                                    next.value, tip_.index.value));
      }
      if (next >= end || next > tip_.index) break;
      if (!tail_.empty() && next >= tail_.front().entry.index) {
        for (size_t i = next - tail_.front().entry.index; i < tail_.size(); ++i) {
          const Entry& entry = tail_[i].entry;
          if (!batch.takes(entry.index, entry.bytes().size())) break;
          batch.add(entry);
        }
        break;
      }
      place = place_of(next);
    }
    const Result<void> read = read_segment(place, next, batch);
    if (!read && batch.empty()) return tl::unexpected(read.error());
    if (!read) break;
  }
  return batch.take();
}

/// Where to read entry `index`, which is on disk.
LogFiles::Place LogFiles::place_of(Index index) const {
  const auto after =
      std::partition_point(segments_->begin(), segments_->end(),
                           [&](const auto& header) { return header->first_index <= index; });
  assert(after != segments_->begin());
  Place place;
  place.header = *(after - 1);
  place.end = tail_.empty() ? tip_.index + 1 : tail_.front().entry.index;
  if (after != segments_->end()) {
    const Tip last(**after);
    // Only what is written to its end can be looked up in its .idx file.
    if (last.index <= synced_) place.last = last;
    place.end = std::min(place.end, last.index + 1);
  } else if (const Point* point = point_before(points_, index)) {
    place.start = *point;
  }
  return place;
}

/// Collects entries from `from` on that stand in one segment. Every byte is checked on its way.
Result<void> LogFiles::read_segment(const Place& place, Index from, Batch& batch) const {
  const SegmentHeader& header = *place.header;
  const auto segment = TRY(open_segments_.get(header, place.last));
  std::optional<Point> start = place.start;
  if (const Point* point = point_before(segment->points, from)) start = *point;

  Tip tip(header);
  uint64_t position = header.bytes();
  if (start) {
    tip.index = start->index - 1;
    tip.term = Term();
    tip.next_offset = start->offset;
    tip.last_recorded = start->last_recorded;
    position = start->position;
  }
  const size_t ahead =
      std::clamp<size_t>(batch.bytes_left(), point_bytes / 2, SegmentReader::read_bytes);
  SegmentReader reader(*segment->file, header.identity, header.file_bytes, ahead);
  while (tip.index + 1 < place.end) {
    const tl::expected<SegmentReader::Item, BadFrame> item = reader.at(position);
    if (!item || !tip.precedes(item->frame.entry)) {
      return tl::unexpected(damaged_entry(segment_path(header.number), position,
                                          item ? BadFrame{Fault::order} : item.error(),
                                          tip.next_offset, reader.error())
                                .error);
    }
    const Frame& frame = item->frame;
    if (frame.entry.index >= from) {
      if (!batch.takes(frame.entry.index, item->payload.size())) return {};
      Entry entry = frame.entry;
      if (!item->payload.empty()) {
        entry.payload = std::make_shared<const std::string>(item->payload);
      }
      batch.add(std::move(entry));
    }
    tip.take(frame.entry, frame.content_crc);
    position = frame.end();
  }
  return {};
}

Result<std::vector<Entry>> LogFiles::read_at(Offset from, Index end, size_t bytes_max) const {
  {
    const std::lock_guard lock(mutex_);
    if (from > tip_.next_offset) {
      return fail(Code::out_of_range, fmt::format("offset {} is past the end (next is {})",
                                                  from.value, tip_.next_offset.value));
    }
    if (from == tip_.next_offset) return std::vector<Entry>();
  }
  std::vector<Entry> found;
  size_t bytes = 0;
  for (Index next = TRY(start_for(from)); next < end;) {
    // What lies between the start and the record is passed over.
    std::vector<Entry> entries = TRY(read(next, end, bytes_max - bytes + point_bytes));
    if (entries.empty()) break;
    next = entries.back().index + 1;
    for (Entry& entry : entries) {
      if (entry.record_count == 0 || entry.next_offset() <= from) continue;
      bytes += entry.bytes().size();
      if (!found.empty() && bytes > bytes_max) return found;
      found.push_back(std::move(entry));
    }
    if (bytes >= bytes_max) break;
  }
  return found;
}

Result<Offset> LogFiles::find(Time time, Index end) const {
  constexpr size_t step_bytes = 256 << 10;
  Offset next_offset;
  const Index start = TRY(start_for(time));
  {
    const std::lock_guard lock(mutex_);
    end = std::min(end, tip_.index + 1);
  }
  // One entry further back, so that there is one to tell the next offset by.
  Index next = std::min(start, end > Index(1) ? end - 1 : Index(1));
  while (next < end) {
    const std::vector<Entry> entries = TRY(read(next, end, step_bytes));
    if (entries.empty()) break;
    for (const Entry& entry : entries) {
      next_offset = entry.next_offset();
      if (entry.record_count == 0 || entry.last_recorded() < time) continue;
      const int64_t behind = time.ns - entry.recorded.ns;
      return entry.base_offset + static_cast<uint64_t>(std::max<int64_t>(behind, 0));
    }
    next = entries.back().index + 1;
  }
  return next_offset;
}

Result<Index> LogFiles::start_for(Offset offset) const {
  {
    const std::lock_guard lock(mutex_);
    if (!tail_.empty() && offset >= tail_.front().entry.base_offset) {
      const auto found = std::partition_point(tail_.begin(), tail_.end(), [&](const Cached& one) {
        return one.after.next_offset <= offset;
      });
      return found == tail_.end() ? tip_.index : found->entry.index;
    }
  }
  return start_in([&](const SegmentHeader& header) { return header.first_offset <= offset; },
                  offset);
}

Result<Index> LogFiles::start_for(Time time) const {
  {
    const std::lock_guard lock(mutex_);
    const auto found = std::partition_point(tail_.begin(), tail_.end(), [&](const Cached& one) {
      return one.after.last_recorded < time;
    });
    if (!tail_.empty() && found == tail_.end()) return tip_.index;
    if (found != tail_.begin()) return found->entry.index;
  }
  return start_in([&](const SegmentHeader& header) { return header.last_recorded < time; }, time);
}

/// An entry to start from, at most point_bytes before the one that holds `key`, which is on disk or
/// the first in memory. `before` holds for the segments that begin before it.
template <class Before, class Key>
Result<Index> LogFiles::start_in(Before before, Key key) const {
  std::shared_ptr<const SegmentHeader> header;
  Tip last;
  {
    const std::lock_guard lock(mutex_);
    const auto after = std::partition_point(segments_->begin(), segments_->end(),
                                            [&](const auto& one) { return before(*one); });
    if (after == segments_->begin()) return Index(1);
    header = *(after - 1);
    if (!tail_.empty() && header->first_index >= tail_.front().entry.index) {
      return tail_.front().entry.index;
    }
    if (after == segments_->end()) {
      const Point* point = point_before(points_, key);
      return point ? point->index : header->first_index;
    }
    last = Tip(**after);
    if (last.index > synced_) return header->first_index;
  }
  const auto segment = TRY(open_segments_.get(*header, last));
  const Point* point = point_before(segment->points, key);
  return point ? point->index : header->first_index;
}

}  // namespace ledger::log
