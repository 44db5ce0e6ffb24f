#include "log/format.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <limits>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/record.h"
#include "log/planted.h"

namespace ledger::log {
namespace {

// Each block of ours starts with magic:byte[8] crc:u32 version:u32; the CRC covers all after
// itself.
constexpr Bytes segment_magic("LDGRSEG\0", 8);
constexpr Bytes vote_magic("LDGRVOT\0", 8);
constexpr size_t block_crc_at = 8;
constexpr size_t block_covered_from = 12;

constexpr size_t header_fixed_bytes = 128;
constexpr size_t configuration_bytes_max = header_bytes_max - header_fixed_bytes;
constexpr size_t header_bytes_at = 16;

// Of an entry, in the order of their bytes.
constexpr size_t frame_crc_at = 0;
constexpr size_t payload_bytes_at = 4;
constexpr size_t identity_at = 8;
constexpr size_t position_at = 16;
constexpr size_t content_crc_at = 24;
constexpr size_t reserved_at = 28;
constexpr size_t synced_at = 32;
constexpr size_t committed_at = 64;
constexpr size_t replicated_at = 72;
constexpr size_t index_at = 72;
constexpr size_t term_at = 80;
constexpr size_t base_offset_at = 88;
constexpr size_t recorded_at = 96;
constexpr size_t record_count_at = 104;
constexpr size_t kind_at = 108;
constexpr size_t rules_at = 109;
constexpr size_t zero_at = 110;
constexpr size_t replicated_bytes = frame_bytes - replicated_at;
static_assert(zero_at + 2 == frame_bytes);

void store_watermark(char* to, const Watermark& mark) {
  store(to, mark.segment);
  store(to + 8, mark.end);
  store(to + 16, mark.index.value);
  store(to + 24, mark.term.value);
}

Watermark load_watermark(const char* from) {
  return {load<uint64_t>(from), load<uint64_t>(from + 8), Index(load<uint64_t>(from + 16)),
          Term(load<uint64_t>(from + 24))};
}

void store_replicated(char* to, const Entry& entry) {
  store(to, entry.index.value);
  store(to + term_at - replicated_at, entry.term.value);
  store(to + base_offset_at - replicated_at, entry.base_offset.value);
  store(to + recorded_at - replicated_at, entry.recorded.ns);
  store(to + record_count_at - replicated_at, entry.record_count);
  store(to + kind_at - replicated_at, static_cast<uint8_t>(entry.kind));
  store(to + rules_at - replicated_at, entry.rules);
  store(to + zero_at - replicated_at, uint16_t{0});
}

/// Puts magic, version and CRC on a block whose other bytes are set.
void seal_block(std::string& block, Bytes magic) {
  magic.copy(block.data(), magic.size());
  store(block.data() + block_covered_from, format_version);
  store(block.data() + block_crc_at, crc32c(Bytes(block).substr(block_covered_from)));
}

/// What is wrong with a block of ours, which has at least 16 bytes; nothing if it is whole.
std::optional<BadBlock> check_block(Bytes block, Bytes magic) {
  BadBlock bad;
  bad.stored_crc = load<uint32_t>(block.data() + block_crc_at);
  bad.computed_crc = crc32c(block.substr(block_covered_from));
  bad.version = load<uint32_t>(block.data() + block_covered_from);
  if (!block.starts_with(magic) || bad.stored_crc != bad.computed_crc) return bad;
  bad.too_new = bad.version > format_version;
  if (bad.version != format_version) return bad;
  return std::nullopt;
}

/// The frame CRC covers the fixed part after itself.
uint32_t frame_crc(Bytes fixed) {
  return crc32c(fixed.substr(payload_bytes_at));
}

/// Whether the fields of an entry have values that are written.
bool plausible(const Entry& entry) {
  switch (entry.kind) {
    case EntryKind::records: {
      const uint64_t count = entry.record_count;
      return count >= 1 && entry.base_offset.value <= offset_max &&
             count <= offset_max + 1 - entry.base_offset.value &&
             entry.recorded.ns <= std::numeric_limits<int64_t>::max() - int64_t{entry.record_count};
    }
    case EntryKind::noop:
    case EntryKind::membership:
      return entry.record_count == 0 && entry.base_offset.value <= offset_max + 1;
  }
  return false;
}

std::string numbered_path(uint64_t number, const char* suffix) {
  return fmt::format("{}/{:016}{}", segments_directory, number, suffix);
}

}  // namespace

std::string segment_path(uint64_t number) {
  return numbered_path(number, ".seg");
}

std::string index_path(uint64_t number) {
  return numbered_path(number, ".idx");
}

std::optional<uint64_t> number_of(std::string_view name, std::string_view suffix) {
  constexpr size_t digits = 16;
  if (name.size() != digits + suffix.size() || !name.ends_with(suffix)) return std::nullopt;
  uint64_t number = 0;
  for (char digit : name.substr(0, digits)) {
    if (digit < '0' || digit > '9') return std::nullopt;
    number = 10 * number + static_cast<uint64_t>(digit - '0');
  }
  if (number == 0) return std::nullopt;
  return number;
}

uint64_t SegmentHeader::bytes() const {
  const size_t used = header_fixed_bytes + configuration.size();
  return (used + header_block_bytes - 1) / header_block_bytes * header_block_bytes;
}

std::string encode(const SegmentHeader& header) {
  assert(header.configuration.size() <= configuration_bytes_max);
  std::string block(header.bytes(), '\0');
  char* to = block.data();
  store(to + header_bytes_at, static_cast<uint32_t>(block.size()));
  store(to + 20, header.previous_crc);
  header.cluster.view().copy(to + 24, 16);
  store(to + 40, header.identity);
  store(to + 48, header.number);
  store(to + 56, header.file_bytes);
  store(to + 64, header.predecessor);
  store(to + 72, header.predecessor_identity);
  store(to + 80, header.first_index.value);
  store(to + 88, header.first_offset.value);
  store(to + 96, header.last_recorded.ns);
  store(to + 104, header.previous_term.value);
  store(to + 112, header.configuration_index.value);
  store(to + 120, static_cast<uint32_t>(header.configuration.size()));
  store(to + 124, header.rules);
  header.configuration.copy(to + header_fixed_bytes, header.configuration.size());
  seal_block(block, segment_magic);
  return block;
}

size_t header_bytes(Bytes block) {
  if (block.size() < header_block_bytes || !block.starts_with(segment_magic)) {
    return header_block_bytes;
  }
  const size_t claimed = load<uint32_t>(block.data() + header_bytes_at);
  // A damaged size fails the checksum, whatever is read by it.
  return std::clamp(claimed, header_block_bytes, header_bytes_max);
}

tl::expected<SegmentHeader, BadBlock> decode_header(Bytes bytes) {
  if (bytes.size() < header_block_bytes) return tl::unexpected(BadBlock{});
  const size_t size = header_bytes(bytes);
  if (bytes.size() < size) return tl::unexpected(BadBlock{});
  const Bytes block = bytes.substr(0, size);
  if (std::optional<BadBlock> bad = check_block(block, segment_magic)) return tl::unexpected(*bad);

  const char* from = block.data();
  SegmentHeader header;
  header.previous_crc = load<uint32_t>(from + 20);
  header.cluster = Id::load(from + 24);
  header.identity = load<uint64_t>(from + 40);
  header.number = load<uint64_t>(from + 48);
  header.file_bytes = load<uint64_t>(from + 56);
  header.predecessor = load<uint64_t>(from + 64);
  header.predecessor_identity = load<uint64_t>(from + 72);
  header.first_index = Index(load<uint64_t>(from + 80));
  header.first_offset = Offset(load<uint64_t>(from + 88));
  header.last_recorded = Time{load<int64_t>(from + 96)};
  header.previous_term = Term(load<uint64_t>(from + 104));
  header.configuration_index = Index(load<uint64_t>(from + 112));
  header.rules = load<uint8_t>(from + 124);
  const size_t configuration_bytes = load<uint32_t>(from + 120);
  if (configuration_bytes <= size - header_fixed_bytes) {
    header.configuration.assign(block.substr(header_fixed_bytes, configuration_bytes));
    // What would be written otherwise was not written by us.
    if (encode(header) == block) return header;
  }
  const uint32_t crc = load<uint32_t>(from + block_crc_at);
  return tl::unexpected(BadBlock{false, format_version, crc, crc});
}

std::string_view text(Fault fault) {
  switch (fault) {
    case Fault::none:
      return "whole";
    case Fault::missing:
      return "the file ends";
    case Fault::zero:
      return "nothing written";
    case Fault::frame_crc:
    case Fault::content_crc:
      return "bad CRC";
    case Fault::identity:
      return "an entry of another segment";
    case Fault::position:
      return "an entry of another place";
    case Fault::length:
      return "impossible length";
    case Fault::field:
      return "impossible entry";
    case Fault::order:
      return "an entry out of order";
    case Fault::read:
      return "unreadable";
  }
  return "unknown";
}

uint32_t content_crc(const Entry& entry) {
  char replicated[replicated_bytes];
  store_replicated(replicated, entry);
  return crc32c(entry.bytes(), crc32c(Bytes(replicated, sizeof replicated)));
}

uint32_t content_crc(Bytes bytes) {
  return crc32c(bytes.substr(replicated_at));
}

bool well_formed(const Entry& entry) {
  return plausible(entry) && entry.bytes().size() <= entry_bytes_max &&
         (entry.kind != EntryKind::records || count_records(entry.bytes()) == entry.record_count);
}

void encode_frame(char* to, const Frame& frame) {
  store(to + payload_bytes_at, frame.payload_bytes);
  store(to + identity_at, frame.identity);
  store(to + position_at, frame.position);
  store(to + content_crc_at, frame.content_crc);
  store(to + reserved_at, uint32_t{0});
  store_watermark(to + synced_at, frame.synced);
  store(to + committed_at, frame.committed.value);
  store_replicated(to + replicated_at, frame.entry);
  store(to + frame_crc_at, frame_crc(Bytes(to, frame_bytes)));
}

tl::expected<Frame, BadFrame> decode_frame(Bytes bytes, uint64_t identity, uint64_t position) {
  assert(bytes.size() >= frame_bytes);
  bytes = bytes.substr(0, frame_bytes);
  const char* from = bytes.data();
  BadFrame bad{Fault::frame_crc, load<uint32_t>(from + frame_crc_at), frame_crc(bytes)};
  if (bad.stored_crc != bad.computed_crc) {
    if (bytes.find_first_not_of('\0') == Bytes::npos) bad.fault = Fault::zero;
    return tl::unexpected(bad);
  }
  Frame frame;
  frame.payload_bytes = load<uint32_t>(from + payload_bytes_at);
  frame.identity = load<uint64_t>(from + identity_at);
  frame.position = load<uint64_t>(from + position_at);
  frame.content_crc = load<uint32_t>(from + content_crc_at);
  frame.synced = load_watermark(from + synced_at);
  frame.committed = Index(load<uint64_t>(from + committed_at));
  frame.entry.index = Index(load<uint64_t>(from + index_at));
  frame.entry.term = Term(load<uint64_t>(from + term_at));
  frame.entry.base_offset = Offset(load<uint64_t>(from + base_offset_at));
  frame.entry.recorded = Time{load<int64_t>(from + recorded_at)};
  frame.entry.record_count = load<uint32_t>(from + record_count_at);
  frame.entry.kind = static_cast<EntryKind>(load<uint8_t>(from + kind_at));
  frame.entry.rules = load<uint8_t>(from + rules_at);

  if (frame.identity != identity && !planted(Mistake::crc_without_identity)) {
    bad.fault = Fault::identity;
  } else if (frame.position != position && !planted(Mistake::crc_without_position)) {
    bad.fault = Fault::position;
  } else if (frame.payload_bytes > entry_bytes_max && !planted(Mistake::length_unchecked)) {
    bad.fault = Fault::length;
  } else if (!plausible(frame.entry) || load<uint32_t>(from + reserved_at) != 0 ||
             load<uint16_t>(from + zero_at) != 0) {
    bad.fault = Fault::field;
  } else {
    return frame;
  }
  return tl::unexpected(bad);
}

std::string encode(const VoteCopy& copy) {
  std::string block(vote_copy_bytes, '\0');
  char* to = block.data();
  copy.cluster.view().copy(to + 16, 16);
  store(to + 32, copy.sequence);
  store(to + 40, copy.vote.term.value);
  store(to + 48, copy.vote.voted_for.value);
  store_watermark(to + 56, copy.synced);
  store(to + 88, copy.committed.value);
  seal_block(block, vote_magic);
  return block;
}

tl::expected<VoteCopy, BadBlock> decode_vote_copy(Bytes bytes) {
  if (bytes.size() != vote_copy_bytes) return tl::unexpected(BadBlock{});
  if (std::optional<BadBlock> bad = check_block(bytes, vote_magic)) return tl::unexpected(*bad);
  const char* from = bytes.data();
  VoteCopy copy;
  copy.cluster = Id::load(from + 16);
  copy.sequence = load<uint64_t>(from + 32);
  copy.vote.term = Term(load<uint64_t>(from + 40));
  copy.vote.voted_for = MemberId(load<uint64_t>(from + 48));
  copy.synced = load_watermark(from + 56);
  copy.committed = Index(load<uint64_t>(from + 88));
  if (encode(copy) == bytes) return copy;
  const uint32_t crc = load<uint32_t>(from + block_crc_at);
  return tl::unexpected(BadBlock{false, format_version, crc, crc});
}

}  // namespace ledger::log
