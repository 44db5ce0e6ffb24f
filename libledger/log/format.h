// The bytes of the log on disk: segment headers, entry frames, vote copies.
//
// The layouts are written down once, in ledger-segment(5). Everything here takes untrusted bytes:
// nothing is believed before its checksum, and no length above its limit is ever followed.
#pragma once

#include <optional>
#include <string>
#include <tl/expected.hpp>

#include "base/entry.h"
#include "base/id.h"

namespace ledger::log {

constexpr uint32_t format_version = 1;

/// How far the log was durable: segment number, end of the last synced entry in it, and that
/// entry's index and term. Every entry and every vote copy carries one; recovery believes the
/// furthest it finds. Segment and end alone decide which is further.
struct Watermark {
  uint64_t segment = 0;
  uint64_t end = 0;
  Index index;
  Term term;

  friend constexpr auto operator<=>(const Watermark&, const Watermark&) = default;
};

// ---- Names. ----

constexpr const char* segments_directory = "segments";
constexpr const char* next_path = "segments/next.tmp";

/// `segments/0000000000000001.seg`.
std::string segment_path(uint64_t number);
/// `segments/0000000000000001.idx`.
std::string index_path(uint64_t number);
/// The number of a file named like a segment (`suffix` `.seg`) or an index (`.idx`).
std::optional<uint64_t> number_of(std::string_view name, std::string_view suffix);

// ---- A block that starts with magic, CRC and version. ----

/// Why a header block or vote copy is none of ours.
struct BadBlock {
  bool too_new = false;  ///< Whole, of a later format version: `version`.
  uint32_t version = 0;
  uint32_t stored_crc = 0;
  uint32_t computed_crc = 0;
};

// ---- Segment headers. ----

/// A header takes one block, or more where the configuration is large.
constexpr size_t header_block_bytes = 4096;
/// Above it a header's size is damage, not data.
constexpr size_t header_bytes_max = 128 << 10;

/// What stands at the front of a segment: who it is, and the state of the log before its first
/// entry.
struct SegmentHeader {
  Id cluster;
  uint64_t number = 0;
  uint64_t identity = 0;    ///< Random: no other segment has it.
  uint64_t file_bytes = 0;  ///< The file is that long from the start.
  uint64_t predecessor =
      0;  ///< The segment that holds the entry before the first; 0: there is none.
  uint64_t predecessor_identity = 0;
  Index first_index;
  Offset first_offset;
  Time last_recorded;  ///< Of the last record before; 0 where there is none.
  uint8_t rules = 0;   ///< Of the entry before; 0 where there is none.
  Term previous_term;
  uint32_t previous_crc = 0;  ///< Content CRC of the entry before.
  Index configuration_index;
  std::string configuration;  ///< In force before the first entry, encoded.

  /// Size of the header, where the first entry stands.
  uint64_t bytes() const;

  friend bool operator==(const SegmentHeader&, const SegmentHeader&) = default;
};

std::string encode(const SegmentHeader& header);

/// How many bytes `decode_header` needs, from the first block of a file.
size_t header_bytes(Bytes block);
tl::expected<SegmentHeader, BadBlock> decode_header(Bytes bytes);

// ---- Entries. ----

/// The fixed part of an entry, before its payload.
constexpr size_t frame_bytes = 112;

/// An entry as it stands in a segment, without its payload.
struct Frame {
  uint64_t identity = 0;  ///< Of the segment.
  uint64_t position = 0;  ///< In the segment.
  uint32_t payload_bytes = 0;
  uint32_t content_crc = 0;
  Watermark synced;  ///< Durable when this was written.
  Index committed;   ///< Known to be committed and durable here when this was written.
  Entry entry;       ///< Its payload is not set.

  uint64_t bytes() const { return frame_bytes + payload_bytes; }
  uint64_t end() const { return position + bytes(); }
};

/// What is wrong with the bytes at a place.
enum class Fault : uint8_t {
  none,
  missing,      ///< The file ends before the entry does.
  zero,         ///< Nothing was ever written here.
  frame_crc,    ///< The fixed part is damaged.
  identity,     ///< An entry of another segment.
  position,     ///< An entry of another place.
  length,       ///< A payload above the limit or past the end of the segment.
  field,        ///< Whole, but no entry: a field has a value that is never written.
  content_crc,  ///< The payload is damaged.
  order,        ///< Whole, but not the entry that belongs here.
  read,         ///< The disk could not read it.
};
std::string_view text(Fault fault);

/// CRC32C over what Raft replicates: index, term, kind, offset, record count, time, rules, payload.
/// Equal on every node.
uint32_t content_crc(const Entry& entry);

/// Whether an entry is one that may be written: its fields have values that are written, and its
/// payload is as many records as it says.
bool well_formed(const Entry& entry);

/// Writes the fixed part at `to`, which has room for frame_bytes.
void encode_frame(char* to, const Frame& frame);

struct BadFrame {
  Fault fault = Fault::none;
  uint32_t stored_crc = 0;
  uint32_t computed_crc = 0;
};

/// Reads the fixed part of the entry at `position` of segment `identity`; `bytes` has at least
/// frame_bytes. What it returns is whole, up to its payload.
tl::expected<Frame, BadFrame> decode_frame(Bytes bytes, uint64_t identity, uint64_t position);

/// The content CRC of the entry whose fixed part and payload are `bytes`.
uint32_t content_crc(Bytes bytes);

// ---- Vote copies. ----

constexpr size_t vote_copy_bytes = 512;

/// One of the two copies of term and vote, and what was known to be durable and committed then.
struct VoteCopy {
  Id cluster;
  uint64_t sequence = 0;  ///< Of two whole copies the higher counts.
  Vote vote;
  Watermark synced;
  Index committed;

  friend bool operator==(const VoteCopy&, const VoteCopy&) = default;
};

std::string encode(const VoteCopy& copy);
tl::expected<VoteCopy, BadBlock> decode_vote_copy(Bytes bytes);

}  // namespace ledger::log
