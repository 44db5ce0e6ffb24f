#include "log/format.h"

#include <doctest/doctest.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/record.h"
#include "log/index.h"

using namespace ledger;
using namespace ledger::log;

namespace {

SegmentHeader some_header(size_t configuration_bytes = 10) {
  SegmentHeader header;
  header.cluster.bytes.fill(1);
  header.number = 2;
  header.identity = 3;
  header.file_bytes = 4;
  header.predecessor = 1;
  header.predecessor_identity = 6;
  header.first_index = Index(7);
  header.first_offset = Offset(8);
  header.last_recorded = Time{9};
  header.rules = 10;
  header.previous_term = Term(11);
  header.previous_crc = 12;
  header.configuration_index = Index(13);
  header.configuration = std::string(configuration_bytes, 'c');
  return header;
}

VoteCopy some_copy() {
  VoteCopy copy;
  copy.cluster.bytes.fill(1);
  copy.sequence = 2;
  copy.vote = {Term(3), MemberId(4)};
  copy.synced = {5, 6, Index(7), Term(8)};
  copy.committed = Index(9);
  return copy;
}

Frame some_frame() {
  Frame frame;
  frame.identity = 1;
  frame.position = 4096;
  frame.synced = {3, 4, Index(5), Term(6)};
  frame.committed = Index(7);
  frame.entry.index = Index(8);
  frame.entry.term = Term(9);
  frame.entry.kind = EntryKind::records;
  frame.entry.base_offset = Offset(10);
  frame.entry.recorded = Time{11};
  frame.entry.record_count = 12;
  frame.entry.rules = 13;
  frame.content_crc = content_crc(frame.entry);
  return frame;
}

/// What is wrong with `frame` once it is written with whole checksums.
Fault fault_of(const Frame& frame, uint64_t identity = 1, uint64_t position = 4096) {
  char bytes[frame_bytes];
  encode_frame(bytes, frame);
  const auto decoded = decode_frame(Bytes(bytes, frame_bytes), identity, position);
  return decoded ? Fault::none : decoded.error().fault;
}

}  // namespace

TEST_CASE("names of segments have 16 digits and nothing else") {
  CHECK(segment_path(1) == "segments/0000000000000001.seg");
  CHECK(index_path(42) == "segments/0000000000000042.idx");
  CHECK(number_of("0000000000000042.seg", ".seg") == 42);
  for (const char* name : {"42.seg", "0000000000000042.idx", "0000000000000000.seg",
                           "00000000000000042.seg", "000000000000004x.seg", "next.tmp", "",
                           "0000000000000042.seg.cut-7", "+000000000000042.seg"}) {
    CAPTURE(name);
    CHECK_FALSE(number_of(name, ".seg"));
  }
}

TEST_CASE("a header comes back as it was, whatever the size of its configuration") {
  for (const size_t size : {size_t{0}, size_t{10}, size_t{3968}, size_t{3969}, size_t{70'000}}) {
    CAPTURE(size);
    const SegmentHeader header = some_header(size);
    const std::string bytes = encode(header);
    CHECK(bytes.size() == header.bytes());
    CHECK(bytes.size() % header_block_bytes == 0);
    CHECK(header_bytes(bytes) == bytes.size());
    const auto decoded = decode_header(bytes);
    REQUIRE(decoded);
    CHECK(*decoded == header);
  }
}

TEST_CASE("no header with a flipped bit is believed") {
  const std::string whole = encode(some_header());
  for (size_t at = 0; at < whole.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string bytes = whole;
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << bit));
      const auto decoded = decode_header(bytes);
      REQUIRE_FALSE(decoded);
      REQUIRE_FALSE(decoded.error().too_new);
    }
  }
}

TEST_CASE("a header of a later version is told from a damaged one") {
  std::string bytes = encode(some_header());
  store(bytes.data() + 12, format_version + 1);
  CHECK_FALSE(decode_header(bytes).error().too_new);
  store(bytes.data() + 8, crc32c(Bytes(bytes).substr(12)));
  const auto decoded = decode_header(bytes);
  REQUIRE_FALSE(decoded);
  CHECK(decoded.error().too_new);
  CHECK(decoded.error().version == format_version + 1);
}

TEST_CASE("a vote copy comes back as it was, and with no flipped bit") {
  const std::string whole = encode(some_copy());
  REQUIRE(whole.size() == vote_copy_bytes);
  CHECK(*decode_vote_copy(whole) == some_copy());
  for (size_t at = 0; at < whole.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string bytes = whole;
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << bit));
      REQUIRE_FALSE(decode_vote_copy(bytes));
    }
    REQUIRE_FALSE(decode_vote_copy(Bytes(whole).substr(0, at)));
  }
}

TEST_CASE("an entry comes back as it was, and with no flipped bit") {
  const Frame frame = some_frame();
  char whole[frame_bytes];
  encode_frame(whole, frame);
  const auto decoded = decode_frame(Bytes(whole, frame_bytes), 1, 4096);
  REQUIRE(decoded);
  CHECK(decoded->synced == frame.synced);
  CHECK(decoded->committed == frame.committed);
  CHECK(decoded->content_crc == content_crc(decoded->entry));
  char again[frame_bytes];
  encode_frame(again, *decoded);
  CHECK(Bytes(again, frame_bytes) == Bytes(whole, frame_bytes));
  for (size_t at = 0; at < frame_bytes; ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      char bytes[frame_bytes];
      std::memcpy(bytes, whole, frame_bytes);
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << bit));
      REQUIRE_FALSE(decode_frame(Bytes(bytes, frame_bytes), 1, 4096));
    }
  }
}

TEST_CASE("the content CRC covers what is replicated, and nothing local") {
  const Frame frame = some_frame();
  const auto crc_of = [](const Frame& one) {
    std::string bytes(frame_bytes, '\0');
    encode_frame(bytes.data(), one);
    bytes.append(one.entry.bytes());
    return content_crc(Bytes(bytes));
  };
  CHECK(crc_of(frame) == content_crc(frame.entry));
  Frame local = frame;
  local.identity = 99;
  local.position = 99;
  local.synced = {};
  local.committed = Index(99);
  CHECK(crc_of(local) == content_crc(frame.entry));

  const auto changed = [&](auto change) {
    Entry entry = frame.entry;
    change(entry);
    return content_crc(entry) != content_crc(frame.entry);
  };
  CHECK(changed([](Entry& entry) { entry.index = Index(99); }));
  CHECK(changed([](Entry& entry) { entry.term = Term(99); }));
  CHECK(changed([](Entry& entry) { entry.kind = EntryKind::noop; }));
  CHECK(changed([](Entry& entry) { entry.base_offset = Offset(99); }));
  CHECK(changed([](Entry& entry) { entry.record_count = 99; }));
  CHECK(changed([](Entry& entry) { entry.recorded = Time{99}; }));
  CHECK(changed([](Entry& entry) { entry.rules = 99; }));
  CHECK(changed([](Entry& entry) { entry.payload = std::make_shared<const std::string>("x"); }));
}

TEST_CASE("a whole entry with values that nobody writes is refused") {
  CHECK(fault_of(some_frame()) == Fault::none);
  CHECK(fault_of(some_frame(), 2) == Fault::identity);
  CHECK(fault_of(some_frame(), 1, 8192) == Fault::position);
  const auto fault_with = [](auto change) {
    Frame frame = some_frame();
    change(frame);
    return fault_of(frame);
  };
  CHECK(fault_with([](Frame& f) { f.payload_bytes = entry_bytes_max + 1; }) == Fault::length);
  CHECK(fault_with([](Frame& f) { f.entry.record_count = 0; }) == Fault::field);
  CHECK(fault_with([](Frame& f) { f.entry.kind = EntryKind::noop; }) == Fault::field);
  CHECK(fault_with([](Frame& f) { f.entry.kind = static_cast<EntryKind>(0); }) == Fault::field);
  CHECK(fault_with([](Frame& f) { f.entry.kind = static_cast<EntryKind>(4); }) == Fault::field);
  CHECK(fault_with([](Frame& f) { f.entry.base_offset = Offset(offset_max); }) == Fault::field);
  CHECK(fault_with([](Frame& f) { f.entry.recorded = Time{INT64_MAX - 3}; }) == Fault::field);
  const std::string zeros(frame_bytes, '\0');
  CHECK(decode_frame(zeros, 1, 4096).error().fault == Fault::zero);
}

TEST_CASE("an index file comes back as it was, and is refused when a bit is flipped") {
  SegmentIndex index{1, 2, Index(3), {}};
  for (uint64_t i = 1; i < 5; ++i) {
    index.points.push_back({Index(i * 10), Offset(i * 100), Time{1000}, i * point_bytes});
  }
  const std::string whole = encode(index);
  CHECK(*decode_index(whole) == index);
  CHECK(*decode_index(encode(SegmentIndex{})) == SegmentIndex{});
  for (size_t at = 0; at < whole.size(); ++at) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ 4);
    REQUIRE_FALSE(decode_index(bytes));
    REQUIRE_FALSE(decode_index(Bytes(whole).substr(0, at)));
  }
}

TEST_CASE("a reader starts from the last point that is not behind what it seeks") {
  Points points;
  Tip tip;
  for (uint64_t i = 1; i <= 1000; ++i) {
    tip.index = Index(i - 1);
    tip.next_offset = Offset(2 * (i - 1));
    tip.last_recorded = Time{static_cast<int64_t>(10 * (i - 1))};
    add_point(points, tip, header_block_bytes + 300 * (i - 1));
  }
  REQUIRE(points.size() == (header_block_bytes + 300 * 999) / point_bytes);
  CHECK(point_before(points, points[0].index - 1) == nullptr);
  CHECK(point_before(points, points[0].index) == &points[0]);
  CHECK(point_before(points, points[1].index - 1) == &points[0]);
  CHECK(point_before(points, points[1].offset) == &points[1]);
  CHECK(point_before(points, Offset(0)) == nullptr);
  CHECK(point_before(points, points[2].last_recorded) == &points[1]);
  CHECK(point_before(points, Time{INT64_MAX}) == &points.back());
}
