// Where in a segment an entry stands, about: points that a reader starts from, in memory for the
// active segment and in the .idx file beside each sealed one.
//
// An .idx file is derived: it is rebuilt when it is missing, damaged or of another segment, it is
// never synced, and no failure to write it matters. Layout: ledger-segment(5).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "io/disk.h"
#include "log/chain.h"
#include "log/format.h"

namespace ledger::log {

/// The first entry at or after a multiple of `point_bytes` in its segment.
struct Point {
  Index index;
  Offset offset;       ///< `base_offset` of the entry.
  Time last_recorded;  ///< Of the last record before it.
  uint64_t position = 0;

  friend bool operator==(const Point&, const Point&) = default;
};
using Points = std::vector<Point>;

constexpr uint64_t point_bytes = 64 << 10;

/// Adds a point for an entry at `position` that follows `before`, where one is due.
void add_point(Points& points, const Tip& before, uint64_t position);

/// The last point that a reader of entry `from`, of record `from`, or of the first record at or
/// after `time` may start from; nothing where that is the first entry of the segment.
const Point* point_before(const Points& points, Index from);
const Point* point_before(const Points& points, Offset from);
const Point* point_before(const Points& points, Time time);

/// What an .idx file says of the living entries of a segment.
struct SegmentIndex {
  uint64_t number = 0;
  uint64_t identity = 0;
  Index end;  ///< First index that lives elsewhere.
  Points points;

  friend bool operator==(const SegmentIndex&, const SegmentIndex&) = default;
};

std::string encode(const SegmentIndex& index);
/// Nothing for bytes that `encode` would not write.
std::optional<SegmentIndex> decode_index(Bytes bytes);

/// The points of a sealed segment whose next index is `end`: from its .idx file, or else from its
/// entries up to the first that is damaged. Then, if all are whole, the file is written again.
/// Errors: as `Disk::open` of the segment.
Result<Points> load_points(io::Disk& disk, const SegmentHeader& header, const Tip& last);

/// Writes the .idx file, or leaves it.
void write_index(io::Disk& disk, const SegmentIndex& index);

/// Whether the .idx file of this segment is there and what it should be. `segment verify --index`.
bool index_valid(io::Disk& disk, const SegmentHeader& header, Index end);

}  // namespace ledger::log
