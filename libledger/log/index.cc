#include "log/index.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "log/survey.h"

namespace ledger::log {
namespace {

constexpr Bytes magic("LDGRIDX\0", 8);
constexpr size_t crc_at = 8;
constexpr size_t covered_from = 12;
constexpr size_t index_header_bytes = 64;
// A section: tag:u32 crc:u32 bytes:u64 data. Its CRC covers tag, bytes and data.
constexpr size_t section_header_bytes = 16;
constexpr uint32_t points_tag = 1;
constexpr size_t encoded_point_bytes = 32;

uint32_t section_crc(Bytes header, Bytes data) {
  return crc32c(data, crc32c(header.substr(8), crc32c(header.substr(0, 4))));
}

std::string encode_points(const Points& points) {
  std::string bytes;
  bytes.reserve(points.size() * encoded_point_bytes);
  for (const Point& point : points) {
    put(bytes, point.index.value);
    put(bytes, point.offset.value);
    put(bytes, point.last_recorded.ns);
    put(bytes, point.position);
  }
  return bytes;
}

Points decode_points(Bytes bytes) {
  Points points;
  points.reserve(bytes.size() / encoded_point_bytes);
  for (const char* from = bytes.data(); from != bytes.data() + bytes.size();
       from += encoded_point_bytes) {
    points.push_back({Index(load<uint64_t>(from)), Offset(load<uint64_t>(from + 8)),
                      Time{load<int64_t>(from + 16)}, load<uint64_t>(from + 24)});
  }
  return points;
}

template <class Before>
const Point* last_point(const Points& points, Before before) {
  const auto after = std::partition_point(points.begin(), points.end(), before);
  return after == points.begin() ? nullptr : &*(after - 1);
}

/// An index as large as this build would write for a segment of `file_bytes`.
size_t index_bytes_max(uint64_t file_bytes) {
  return index_header_bytes + section_header_bytes +
         (file_bytes / point_bytes + 1) * encoded_point_bytes;
}

std::optional<SegmentIndex> read_index(io::Disk& disk, const SegmentHeader& header, Index end) {
  const Result<std::string> bytes =
      io::read_file(disk, index_path(header.number), index_bytes_max(header.file_bytes));
  if (!bytes) return std::nullopt;
  std::optional<SegmentIndex> index = decode_index(*bytes);
  if (!index || index->number != header.number || index->identity != header.identity ||
      index->end != end) {
    return std::nullopt;
  }
  return index;
}

}  // namespace

void add_point(Points& points, const Tip& before, uint64_t position) {
  const uint64_t last = points.empty() ? 0 : points.back().position;
  if (position / point_bytes == last / point_bytes) return;
  points.push_back({before.index + 1, before.next_offset, before.last_recorded, position});
}

const Point* point_before(const Points& points, Index from) {
  return last_point(points, [&](const Point& point) { return point.index <= from; });
}

const Point* point_before(const Points& points, Offset from) {
  return last_point(points, [&](const Point& point) { return point.offset <= from; });
}

const Point* point_before(const Points& points, Time time) {
  return last_point(points, [&](const Point& point) { return point.last_recorded < time; });
}

std::string encode(const SegmentIndex& index) {
  std::string bytes(index_header_bytes, '\0');
  magic.copy(bytes.data(), magic.size());
  store(bytes.data() + 12, format_version);
  store(bytes.data() + 16, index.number);
  store(bytes.data() + 24, index.identity);
  store(bytes.data() + 32, index.end.value);
  store(bytes.data() + crc_at, crc32c(Bytes(bytes).substr(covered_from)));

  const std::string points = encode_points(index.points);
  char section[section_header_bytes];
  store(section, points_tag);
  store(section + 8, uint64_t{points.size()});
  store(section + 4, section_crc(Bytes(section, sizeof section), points));
  bytes.append(section, sizeof section);
  bytes.append(points);
  return bytes;
}

std::optional<SegmentIndex> decode_index(Bytes bytes) {
  if (bytes.size() < index_header_bytes + section_header_bytes) return std::nullopt;
  SegmentIndex index;
  index.number = load<uint64_t>(bytes.data() + 16);
  index.identity = load<uint64_t>(bytes.data() + 24);
  index.end = Index(load<uint64_t>(bytes.data() + 32));
  const Bytes data = bytes.substr(index_header_bytes + section_header_bytes);
  if (data.size() % encoded_point_bytes != 0) return std::nullopt;
  index.points = decode_points(data);
  // Checksums, magic, version, tag and size in one: what is not as we would write it is rebuilt.
  if (encode(index) != bytes) return std::nullopt;
  return index;
}

Result<Points> load_points(io::Disk& disk, const SegmentHeader& header, const Tip& last) {
  if (std::optional<SegmentIndex> index = read_index(disk, header, last.index + 1)) {
    return std::move(index->points);
  }
  Link link;
  link.number = header.number;
  link.path = segment_path(header.number);
  link.header = header;
  link.file_bytes = header.file_bytes;
  link.last = last;
  link.trusted = true;
  SegmentIndex index{header.number, header.identity, last.index + 1, {}};
  const Walk walk =
      TRY(walk_segment(disk, link, {}, [&](const SegmentReader::Item& item, const Tip& before) {
        if (!before.precedes(item.frame.entry)) return false;  // Behind a hole.
        add_point(index.points, before, item.frame.position);
        return true;
      }));
  if (walk.holes.empty()) write_index(disk, index);
  return std::move(index.points);
}

void write_index(io::Disk& disk, const SegmentIndex& index) {
  const std::string path = index_path(index.number);
  (void)disk.remove(path);
  const Result<std::unique_ptr<io::File>> file = disk.create(path);
  if (!file) return;
  // Not synced: after a crash it is whole or it is rebuilt.
  if (!(*file)->write(0, encode(index))) (void)disk.remove(path);
}

bool index_valid(io::Disk& disk, const SegmentHeader& header, Index end) {
  return read_index(disk, header, end).has_value();
}

}  // namespace ledger::log
