// The log in its files: what stands behind log.h.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "log/log.h"
#include "log/open_segments.h"
#include "log/segment.h"
#include "log/writer.h"

namespace ledger::log {

/// The loop plans: it gives each entry its place and each segment its header, and queues them as
/// writes. A drain carries them out. Readers find everything under one lock: the headers of the
/// chain, the newest entries themselves, and the points of the active segment.
class LogFiles final : public Log {
 public:
  using Segments = std::vector<std::shared_ptr<const SegmentHeader>>;

  /// A membership and where it stands.
  struct Configuration {
    Index index;
    std::string encoded;
  };

  /// What a recovery found and made durable.
  struct Start {
    Id cluster;
    Options options;
    Recovered recovered;
    Segments segments;
    uint64_t number_next = 1;  ///< Above that of any segment that ever was.
    Tip tip;
    uint64_t end = 0;                           ///< In the newest segment.
    Points points;                              ///< Of the newest segment.
    std::vector<Configuration> configurations;  ///< From the checkpoint on.
  };
  LogFiles(io::Disk& disk, io::Random& random, Start start, Writer writer);

  /// Begins a segment after the last entry, in memory and in the queue: what a torn tail needs.
  void begin_after_torn();

  const Recovered& recovered() const override { return recovered_; }
  void forget_entries() override { recovered_.entries = {}; }

  Index last_index() const override;
  Term last_term() const override;
  Offset next_offset() const override;
  Time last_recorded() const override;
  Index synced_index() const override;
  Term term(Index index) const override;
  uint64_t cuts() const override;
  Result<void> has_room(uint64_t payload_bytes) const override;
  Result<void> reserve(uint64_t payload_bytes) override;
  std::optional<Error> no_space() const override;
  bool waits_for_room() const override;
  Result<void> append(std::span<const Entry> entries) override;
  void save_vote(const Vote& vote) override;
  void set_committed(Index index) override;
  void save_idle() override;

  Result<Synced> drain() override;
  bool has_writes() const override;
  bool has_preparation() const override;

  Result<std::vector<Entry>> read(Index from, Index end, size_t bytes_max) const override;
  Result<std::vector<Entry>> read_at(Offset from, Index end, size_t bytes_max) const override;
  Result<Offset> find(Time time, Index end) const override;
  std::pair<uint64_t, uint64_t> size() const override;

 private:
  /// An entry in memory, and the state after it.
  struct Cached {
    Entry entry;
    Tip after;
    /// What it takes, about.
    size_t bytes() const { return entry.bytes().size() + 2 * sizeof(Cached); }
  };
  /// The first entry of a term.
  struct TermStart {
    Index index;
    Term term;
  };
  /// Where a reader finds an entry.
  struct Place {
    std::shared_ptr<const SegmentHeader> header;
    std::optional<Tip> last;     ///< Of a sealed segment.
    std::optional<Point> start;  ///< In the active segment.
    Index end;                   ///< What is read from this segment ends here.
  };
  class Batch;

  // Planning. The caller holds mutex_.
  Result<std::span<const Entry>> without_equal(std::span<const Entry> entries) const;
  Term term_of(Index index) const;
  Result<Tip> tip_at(Index index) const;
  Result<void> check(std::span<const Entry> entries, Tip before) const;
  Result<void> room_for(uint64_t payload_bytes) const;
  bool begins(std::span<const Entry> entries) const;
  void cut(const Tip& before);
  void place(const Entry& entry);
  void begin(uint64_t first_entry_bytes);
  void evict();
  Synced synced(std::optional<Index> first_written);

  // Reading.
  Place place_of(Index index) const;  ///< The caller holds mutex_.
  Result<void> read_segment(const Place& place, Index from, Batch& batch) const;
  Result<Index> start_for(Offset offset) const;
  Result<Index> start_for(Time time) const;
  template <class Before, class Key>
  Result<Index> start_in(Before before, Key key) const;

  io::Disk& disk_;
  io::Random& random_;
  const Id cluster_;
  const Options options_;
  Recovered recovered_;

  mutable std::mutex mutex_;  ///< Guards what follows, up to drain_mutex_.
  std::shared_ptr<const Segments> segments_;
  uint64_t number_next_;
  Tip tip_;                  ///< After the last entry queued or written.
  uint64_t end_;             ///< Where the next entry goes in the active segment.
  Points points_;            ///< Of the active segment.
  std::deque<Cached> tail_;  ///< The newest entries, without a gap up to the last.
  size_t tail_bytes_ = 0;
  std::vector<TermStart> terms_;               ///< From the checkpoint on.
  std::vector<Configuration> configurations_;  ///< Likewise.
  Index committed_;
  Index synced_;
  uint64_t cuts_ = 0;
  std::vector<Write> queue_;
  bool blocked_ = false;  ///< The queue's front waits for room.
  bool prepared_ = false;
  bool reserved_ = false;          ///< The next append was told that there is room.
  std::optional<Error> no_space_;  ///< Why the next segment can't be prepared now.
  std::optional<Error> failed_;    ///< The end.

  std::mutex drain_mutex_;  ///< Guards what follows. Taken before mutex_.
  Writer writer_;
  std::vector<Write> draining_;
  uint64_t prepared_until_ = 0;  ///< Bytes written when no preparation was owed last.

  mutable OpenSegments open_segments_;

  Result<void> prepare(bool worked);
};

}  // namespace ledger::log
