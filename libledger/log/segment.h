// One segment file, read with care: the only code that looks at entries on disk.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "io/disk.h"
#include "log/format.h"

namespace ledger::log {

/// The state of the log after an entry: what the next one must follow.
struct Tip {
  Index index;
  Term term;
  Offset next_offset;
  Time last_recorded;  ///< Of the last record.
  uint8_t rules = 0;
  uint32_t crc = 0;  ///< Content CRC of the entry.

  Tip() = default;
  /// Before the first entry of the segment.
  explicit Tip(const SegmentHeader& header);

  /// Whether `entry` may come next: index and offset without a gap, term and time not going back.
  bool precedes(const Entry& entry) const;
  void take(const Entry& entry, uint32_t content_crc);

  friend bool operator==(const Tip&, const Tip&) = default;
};

/// Reads entries of one segment file. Never believes a byte before its checksum, never takes more
/// memory than one entry and a read-ahead.
///
/// `file` must outlive it. Threads: one at a time.
class SegmentReader {
 public:
  /// How much is read at once, and the most memory ever taken.
  static constexpr size_t read_bytes = 256 << 10;
  static constexpr size_t memory_bytes_max = read_bytes + frame_bytes + (1 << 20);

  /// `file_bytes`: where the segment ends, by its header or by its size, whichever is less.
  /// `ahead`, at most read_bytes: how much to read at once.
  SegmentReader(const io::File& file, uint64_t identity, uint64_t file_bytes,
                size_t ahead = read_bytes);

  struct Item {
    Frame frame;
    Bytes payload;  ///< Borrowed until the next call.
  };

  /// The whole entry at `position`, or what is wrong there. After Fault::read, `error` says what
  /// the disk said.
  tl::expected<Item, BadFrame> at(uint64_t position);

  /// The first entry in [from, end) whose fixed part is whole: it was written by us, and
  /// testifies, even if its payload is damaged.
  std::optional<Frame> search(uint64_t from, uint64_t end);

  /// The end of the last byte that is not zero at or after `from`; `from` if there is none. Errors:
  /// `io`.
  Result<uint64_t> end_of_data(uint64_t from);

  /// Forgets what was read ahead: a running node may have written there since.
  void read_again() { buffered_ = 0; }

  uint64_t file_bytes() const { return file_bytes_; }
  const Error& error() const { return error_; }
  size_t memory_bytes() const { return buffer_.size(); }

 private:
  std::optional<Frame> frame_at(uint64_t position);
  /// Bytes from `position` on: `count`, or fewer where the file ends. Borrowed until the next call.
  /// Nothing where they can't be read: `error_`.
  std::optional<Bytes> view(uint64_t position, size_t count);
  Result<void> fill(uint64_t position, size_t count);

  const io::File& file_;
  const uint64_t identity_;
  const uint64_t file_bytes_;
  const size_t ahead_;
  std::vector<char> buffer_;
  uint64_t buffer_from_ = 0;  ///< Position of the buffer's first byte.
  size_t buffered_ = 0;       ///< Bytes in the buffer.
  Error error_;
};

}  // namespace ledger::log
