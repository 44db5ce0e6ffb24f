#include "log/log_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <utility>

#include "base/planted.h"
#include "log/planted.h"

namespace ledger::log {
namespace {

constexpr uint64_t idle_piece_bytes = 256 << 10;
constexpr uint64_t busy_piece_bytes = 1 << 20;

tl::unexpected<Error> impossible(std::string what) {
  return fail(Code::internal, "append: " + std::move(what), "report this with the log");
}

}  // namespace

LogFiles::LogFiles(io::Disk& disk, io::Random& random, Start start, Writer writer)
    : disk_(disk),
      random_(random),
      cluster_(start.cluster),
      options_(start.options),
      recovered_(std::move(start.recovered)),
      segments_(std::make_shared<const Segments>(std::move(start.segments))),
      number_next_(start.number_next),
      tip_(start.tip),
      end_(start.end),
      points_(std::move(start.points)),
      configurations_(std::move(start.configurations)),
      committed_(recovered_.committed),
      synced_(start.tip.index),
      writer_(std::move(writer)),
      open_segments_(disk) {
  if (recovered_.checkpoint != Index(0)) {
    terms_.push_back({recovered_.checkpoint, recovered_.checkpoint_term});
  }
  for (const Entry& entry : recovered_.entries) {
    if (terms_.empty() || terms_.back().term != entry.term) {
      terms_.push_back({entry.index, entry.term});
    }
  }
}

void LogFiles::begin_after_torn() {
  const std::lock_guard lock(mutex_);
  begin(0);
}

Index LogFiles::last_index() const {
  const std::lock_guard lock(mutex_);
  return tip_.index;
}

Term LogFiles::last_term() const {
  const std::lock_guard lock(mutex_);
  return tip_.term;
}

Offset LogFiles::next_offset() const {
  const std::lock_guard lock(mutex_);
  return tip_.next_offset;
}

Time LogFiles::last_recorded() const {
  const std::lock_guard lock(mutex_);
  return tip_.last_recorded;
}

Index LogFiles::synced_index() const {
  const std::lock_guard lock(mutex_);
  return synced_;
}

Term LogFiles::term(Index index) const {
  const std::lock_guard lock(mutex_);
  return index > tip_.index ? Term() : term_of(index);
}

uint64_t LogFiles::cuts() const {
  const std::lock_guard lock(mutex_);
  return cuts_;
}

Result<void> LogFiles::reserve(uint64_t payload_bytes) {
  const std::lock_guard lock(mutex_);
  TRY(room_for(payload_bytes));
  reserved_ = true;
  return {};
}

Result<void> LogFiles::has_room(uint64_t payload_bytes) const {
  const std::lock_guard lock(mutex_);
  return room_for(payload_bytes);
}

/// The caller holds mutex_.
Result<void> LogFiles::room_for(uint64_t payload_bytes) const {
  if (failed_) return tl::unexpected(*failed_);
  if (!no_space_) return {};
  const bool fits =
      !blocked_ && end_ + frame_bytes + payload_bytes <= segments_->back()->file_bytes;
  if (!fits) return tl::unexpected(*no_space_);
  return {};
}

std::optional<Error> LogFiles::no_space() const {
  const std::lock_guard lock(mutex_);
  return no_space_;
}

bool LogFiles::waits_for_room() const {
  const std::lock_guard lock(mutex_);
  return blocked_;
}

Result<void> LogFiles::append(std::span<const Entry> entries) {
  const std::lock_guard lock(mutex_);
  if (failed_) return tl::unexpected(*failed_);
  entries = TRY(without_equal(entries));
  if (entries.empty()) return {};
  const bool cuts = entries.front().index <= tip_.index;
  const Tip before = cuts ? TRY(tip_at(entries.front().index - 1)) : tip_;
  TRY(check(entries, before));
  // What consensus itself adds can't be refused: it is small, and waits.
  const bool reserved =
      std::exchange(reserved_, false) ||
      std::ranges::find(entries, EntryKind::records, &Entry::kind) == entries.end();
  if (no_space_ && !reserved && (cuts || begins(entries))) {
    if (planted(Mistake::full_disk_skips)) {
      for (const Entry& entry : entries) tip_.take(entry, content_crc(entry));
    }
    return tl::unexpected(*no_space_);
  }
  if (cuts) {
    cut(before);
    begin(frame_bytes + entries.front().bytes().size());
  }
  for (const Entry& entry : entries) place(entry);
  evict();
  return {};
}

/// What is left of `entries` from the first that the log does not have.
Result<std::span<const Entry>> LogFiles::without_equal(std::span<const Entry> entries) const {
  for (size_t i = 0; i < entries.size(); ++i) {
    const Index index = entries[i].index;
    if (index == Index(0) || (i > 0 && index != entries[i - 1].index + 1)) {
      return impossible(fmt::format("entry {} of a batch has index {}", i, index.value));
    }
    if (index > tip_.index) return entries.subspan(i);
    if (ledger::planted(ledger::Mistake::equal_entries_cut)) return entries.subspan(i);
    // Below the checkpoint all is committed, and so equal.
    if (terms_.empty() || index < terms_.front().index) continue;
    if (entries[i].term == term_of(index)) continue;
    if (index <= committed_) {
      return impossible(
          fmt::format("a cut at entry {}, while {} are committed", index.value, committed_.value));
    }
    return entries.subspan(i);
  }
  return std::span<const Entry>();
}

Term LogFiles::term_of(Index index) const {
  const auto after = std::partition_point(terms_.begin(), terms_.end(),
                                          [&](const TermStart& one) { return one.index <= index; });
  return after == terms_.begin() ? Term() : (after - 1)->term;
}

/// The state after entry `index`, which is above the checkpoint or is it.
Result<Tip> LogFiles::tip_at(Index index) const {
  if (!tail_.empty() && index >= tail_.front().entry.index) {
    return tail_[index - tail_.front().entry.index].after;
  }
  const auto after =
      std::partition_point(segments_->begin(), segments_->end(),
                           [&](const auto& header) { return header->first_index <= index + 1; });
  assert(after != segments_->begin());
  const SegmentHeader& header = **(after - 1);
  Tip tip(header);
  if (tip.index == index) return tip;
  const std::unique_ptr<io::File> file =
      TRY(disk_.open(segment_path(header.number), io::Access::read));
  SegmentReader reader(*file, header.identity, header.file_bytes);
  for (uint64_t position = header.bytes(); tip.index < index;) {
    const tl::expected<SegmentReader::Item, BadFrame> item = reader.at(position);
    if (!item || !tip.precedes(item->frame.entry)) {
      return tl::unexpected(damaged_entry(segment_path(header.number), position,
                                          item ? BadFrame{Fault::order} : item.error(),
                                          tip.next_offset, reader.error())
                                .error);
    }
    tip.take(item->frame.entry, item->frame.content_crc);
    position = item->frame.end();
  }
  return tip;
}

/// What only a mistake of ours could bring here.
Result<void> LogFiles::check(std::span<const Entry> entries, Tip before) const {
  if (entries.front().index > before.index + 1) {
    return impossible(
        fmt::format("entry {} after entry {}", entries.front().index.value, before.index.value));
  }
  for (const Entry& entry : entries) {
    if (!before.precedes(entry)) {
      return impossible(fmt::format(
          "entry {} of term {} at offset {} and time {} does not follow one of term {}, next "
          "offset {} and time {}",
          entry.index.value, entry.term.value, entry.base_offset.value, entry.recorded.ns,
          before.term.value, before.next_offset.value, before.last_recorded.ns));
    }
    if (!well_formed(entry)) {
      return impossible(
          fmt::format("entry {} is not {} records", entry.index.value, entry.record_count));
    }
    before.take(entry, 0);
  }
  return {};
}

/// Whether one of `entries` does not fit into the active segment.
bool LogFiles::begins(std::span<const Entry> entries) const {
  if (segments_->empty() || blocked_) return true;
  uint64_t end = end_;
  for (const Entry& entry : entries) end += frame_bytes + entry.bytes().size();
  return end > segments_->back()->file_bytes;
}

/// Forgets all after `before`.
void LogFiles::cut(const Tip& before) {
  ++cuts_;
  while (!tail_.empty() && tail_.back().entry.index > before.index) {
    tail_bytes_ -= tail_.back().bytes();
    tail_.pop_back();
  }
  while (!terms_.empty() && terms_.back().index > before.index) terms_.pop_back();
  while (!configurations_.empty() && configurations_.back().index > before.index) {
    configurations_.pop_back();
  }
  if (!planted(Mistake::cut_not_synced)) synced_ = std::min(synced_, before.index);
  tip_ = before;
}

/// Plans the segment that follows on `tip_`. What no longer has a living entry leaves the chain.
void LogFiles::begin(uint64_t first_entry_bytes) {
  auto segments = std::make_shared<Segments>(*segments_);
  const uint64_t active = segments->empty() ? 0 : segments->back()->number;
  BeginWrite write;
  while (!segments->empty() && segments->back()->first_index > tip_.index) {
    write.dead.push_back(segments->back()->number);
    segments->pop_back();
  }
  SegmentHeader& header = write.header;
  header.cluster = cluster_;
  header.number = number_next_++;
  header.identity = random_.number();
  if (!segments->empty()) {
    header.predecessor = segments->back()->number;
    header.predecessor_identity = segments->back()->identity;
  }
  header.first_index = tip_.index + 1;
  header.first_offset = tip_.next_offset;
  header.last_recorded = tip_.last_recorded;
  header.rules = tip_.rules;
  header.previous_term = tip_.term;
  header.previous_crc = tip_.crc;
  if (!configurations_.empty()) {
    header.configuration_index = configurations_.back().index;
    header.configuration = configurations_.back().encoded;
  }
  header.file_bytes = std::max(options_.segment_bytes, header.bytes() + first_entry_bytes);
  if (header.predecessor != 0 && header.predecessor == active) {
    while (!points_.empty() && points_.back().index > tip_.index) points_.pop_back();
    write.sealed =
        SegmentIndex{active, header.predecessor_identity, header.first_index, std::move(points_)};
  }
  points_.clear();
  end_ = header.bytes();
  segments->push_back(std::make_shared<const SegmentHeader>(header));
  segments_ = std::move(segments);
  queue_.emplace_back(std::move(write));
}

void LogFiles::place(const Entry& entry) {
  const uint64_t bytes = frame_bytes + entry.bytes().size();
  if (segments_->empty() || end_ + bytes > segments_->back()->file_bytes) begin(bytes);
  const uint32_t crc = content_crc(entry);
  add_point(points_, tip_, end_);
  queue_.emplace_back(EntryWrite{entry, crc, end_});
  end_ += bytes;
  tip_.take(entry, crc);
  tail_.push_back({entry, tip_});
  tail_bytes_ += tail_.back().bytes();
  if (terms_.empty() || terms_.back().term != entry.term)
    terms_.push_back({entry.index, entry.term});
  if (entry.kind == EntryKind::membership) {
    configurations_.push_back({entry.index, std::string(entry.bytes())});
  }
}

void LogFiles::evict() {
  while (tail_bytes_ > options_.cache_bytes && tail_.front().entry.index <= synced_) {
    tail_bytes_ -= tail_.front().bytes();
    tail_.pop_front();
  }
}

void LogFiles::save_vote(const Vote& vote) {
  const std::lock_guard lock(mutex_);
  queue_.emplace_back(VoteWrite{vote});
}

void LogFiles::set_committed(Index index) {
  const std::lock_guard lock(mutex_);
  committed_ = std::max(committed_, index);
}

void LogFiles::save_idle() {
  const std::lock_guard lock(mutex_);
  queue_.emplace_back(MarksWrite{});
}

Result<Synced> LogFiles::drain() {
  const std::lock_guard drain_lock(drain_mutex_);
  Index committed;
  std::optional<Index> first_written;
  {
    const std::lock_guard lock(mutex_);
    if (failed_) return tl::unexpected(*failed_);
    draining_.swap(queue_);
    committed = committed_;
  }
  for (const Write& write : draining_) {
    const auto* entry = std::get_if<EntryWrite>(&write);
    if (entry && (!first_written || entry->entry.index < *first_written)) {
      first_written = entry->entry.index;
    }
  }
  const bool worked = !draining_.empty();
  const uint64_t written_before = writer_.written_bytes();
  Result<void> done = writer_.execute(draining_, committed);
  if (writer_.written_bytes() == written_before) first_written.reset();

  Synced synced;
  {
    const std::lock_guard lock(mutex_);
    if (done) {
      blocked_ = !draining_.empty();
      // What found no room goes back to the front, before what was queued meanwhile.
      queue_.insert(queue_.begin(), std::make_move_iterator(draining_.begin()),
                    std::make_move_iterator(draining_.end()));
      draining_.clear();
      synced = this->synced(first_written);
      evict();
    }
  }
  if (done) done = prepare(worked);
  if (!done) {
    const std::lock_guard lock(mutex_);
    failed_ = done.error();
    return tl::unexpected(*failed_);
  }
  return synced;
}

/// What to tell the engine: the last durable entry that nothing in the queue will override.
/// `first_written`: the lowest entry that this drain wrote. The caller holds mutex_.
Synced LogFiles::synced(std::optional<Index> first_written) {
  Index durable = writer_.durable().index;
  for (const Write& write : queue_) {
    if (const auto* entry = std::get_if<EntryWrite>(&write)) {
      durable = std::min(durable, entry->entry.index - 1);
    } else if (const auto* begin = std::get_if<BeginWrite>(&write)) {
      durable = std::min(durable, begin->header.first_index - 1);
    }
  }
  if (planted(Mistake::cut_not_synced)) durable = writer_.durable().index;
  synced_ = durable;
  if (!first_written || durable < *first_written) return {};
  return {durable, term_of(durable)};
}

/// Prepares as much of the next segment as was written of this one since the last time, and a
/// quarter more, so that it is whole when this one is full; or a piece when there is time.
Result<void> LogFiles::prepare(bool worked) {
  std::optional<Error> no_space = writer_.no_space();
  // What is written while there is nothing to prepare is no debt to the segment after the next.
  if (writer_.prepared()) prepared_until_ = writer_.written_bytes();
  if (!writer_.blocked() && !writer_.prepared()) {
    const uint64_t behind = writer_.written_bytes() - prepared_until_;
    const uint64_t busy_piece = std::min(busy_piece_bytes, options_.segment_bytes / 16);
    Result<void> done;
    if (behind >= busy_piece || no_space) {
      done = writer_.prepare(std::max(busy_piece, behind + behind / 4));
      prepared_until_ = writer_.written_bytes();
    } else if (!worked) {
      done = writer_.prepare(idle_piece_bytes);
    }
    if (!done && done.error().code != Code::no_space) return done;
    no_space = writer_.no_space();
  }
  const std::lock_guard lock(mutex_);
  prepared_ = writer_.prepared();
  no_space_ = std::move(no_space);
  return {};
}

bool LogFiles::has_writes() const {
  const std::lock_guard lock(mutex_);
  if (failed_) return false;
  if (!blocked_) return !queue_.empty();
  return std::any_of(queue_.begin(), queue_.end(),
                     [](const Write& write) { return std::holds_alternative<VoteWrite>(write); });
}

bool LogFiles::has_preparation() const {
  const std::lock_guard lock(mutex_);
  return !failed_ && !no_space_ && !blocked_ && !prepared_;
}

std::pair<uint64_t, uint64_t> LogFiles::size() const {
  const std::lock_guard lock(mutex_);
  uint64_t bytes = 0;
  for (const auto& header : *segments_) bytes += header->file_bytes;
  return {segments_->size(), bytes};
}

}  // namespace ledger::log
