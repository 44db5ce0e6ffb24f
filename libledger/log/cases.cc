#include "log/cases.h"

#include <fmt/format.h>

#include "log/segment.h"
#include "log/test_entries.h"

namespace ledger::log {
namespace {

constexpr Options small = {.segment_bytes = 16 << 10, .cache_bytes = 0};

struct World {
  io::MemoryDisk disk;
  io::SeededRandom random{1};
  std::unique_ptr<Log> log;

  World() {
    (void)Log::create(disk, random, test_cluster(), small, founding_entry());
    open();
  }
  std::string open() {
    log.reset();
    Result<std::unique_ptr<Log>> opened = Log::open(disk, random, test_cluster(), small);
    if (!opened) return opened.error().message;
    log = *std::move(opened);
    return {};
  }
  bool append(std::vector<Entry> entries) {
    return log->append(entries).has_value() && log->drain().has_value();
  }
};

/// Where the entry with this index stands in the segment, by a search for its identity.
std::optional<Frame> frame_of(io::MemoryDisk& disk, const std::string& path, Index index) {
  const std::string bytes = disk.bytes(path);
  const auto header = decode_header(bytes);
  if (!header) return std::nullopt;
  const auto file = disk.open(path, io::Access::read);
  SegmentReader reader(**file, header->identity, bytes.size());
  for (auto frame = reader.search(header->bytes(), bytes.size()); frame;
       frame = reader.search(frame->position + 1, bytes.size())) {
    if (frame->entry.index == index) return frame;
  }
  return std::nullopt;
}

}  // namespace

std::string torn_tail_stays_cut() {
  World world;
  Maker maker(*world.log);
  const Maker again = maker;
  const std::vector<Entry> lost = {maker.records(1, 100, 1), maker.records(1, 100, 1)};
  // Written, not synced; then a power cut that spoils the first of the two.
  world.disk.fail({.call = io::Call::sync, .forget = false});
  if (world.append(lost)) return "the drain does not fail";
  world.disk.crash({.writes = io::Writes::kept});
  const std::string path = segment_path(1);
  world.disk.flip(path, frame_of(world.disk, path, lost[0].index)->position + 150);
  if (std::string error = world.open(); !error.empty()) return error;
  if (!world.log->recovered().torn) return "the torn tail is not noticed";

  Maker other = again;
  if (!world.append({other.records(1, 100, 2)})) return "no append after the cut";
  world.disk.crash();
  if (std::string error = world.open(); !error.empty()) return error;
  if (world.log->last_index() != lost[0].index) return "an entry behind the cut came back";
  return {};
}

std::string entry_of_another_segment_is_refused() {
  World world;
  Maker maker(*world.log);
  if (!world.append({maker.noop()})) return "no append";
  const Maker fork = maker;
  if (!world.append({maker.records(1, 100, 1)})) return "no append";
  std::string dead;
  Entry lives;
  for (uint64_t term = 2; term <= 3; ++term) {
    Maker leader = fork;
    leader.term = Term(term);
    lives = leader.records(1, 100, term);
    if (!world.append({lives})) return "no cut";
    if (term == 2) dead = world.disk.bytes(segment_path(2)).substr(header_block_bytes, 400);
  }
  world.log->save_idle();
  if (!world.log->drain()) return "no idle save";
  world.disk.overwrite(segment_path(3), header_block_bytes, dead);
  if (!world.open().empty()) return {};
  const auto read = world.log->read(lives.index, lives.index + 1, 1);
  if (read && (read->empty() || !same(read->front(), lives))) return "the other entry is read";
  return {};
}

std::string entry_of_another_place_is_refused() {
  char bytes[frame_bytes];
  Frame frame;
  frame.identity = 11;
  frame.position = 4096;
  frame.entry.index = Index(1);
  frame.entry.term = Term(1);
  encode_frame(bytes, frame);
  if (!decode_frame(Bytes(bytes, frame_bytes), 11, 4096)) return "its own place is refused";
  if (decode_frame(Bytes(bytes, frame_bytes), 11, 8192)) return "another place is accepted";
  if (decode_frame(Bytes(bytes, frame_bytes), 12, 4096)) return "another segment is accepted";
  return {};
}

std::string impossible_length_takes_no_memory() {
  io::MemoryDisk disk;
  Frame frame;
  frame.identity = 11;
  frame.position = 4096;
  frame.payload_bytes = 200 << 20;
  frame.entry.index = Index(1);
  frame.entry.term = Term(1);
  std::string bytes(64 << 10, '\0');
  encode_frame(bytes.data() + frame.position, frame);
  disk.put("hostile", bytes);
  const auto file = disk.open("hostile", io::Access::read);
  SegmentReader reader(**file, frame.identity, bytes.size());
  const auto item = reader.at(frame.position);
  if (item || item.error().fault != Fault::length) return "the length is believed";
  if (reader.memory_bytes() > SegmentReader::memory_bytes_max) return "memory is taken";
  return {};
}

std::string image_in_a_payload_is_no_witness() {
  World world;
  Maker maker(*world.log);
  Frame image;
  image.identity = 11;
  image.position = 4096;
  image.synced = {1, 1 << 20, Index(9), Term(9)};
  image.entry.index = Index(9);
  image.entry.term = Term(9);
  std::string payload(frame_bytes, '\0');
  encode_frame(payload.data(), image);
  Entry hostile = maker.membership(payload);

  world.disk.fail({.call = io::Call::sync, .forget = false});
  if (world.append({hostile})) return "the drain does not fail";
  world.disk.crash({.writes = io::Writes::kept});
  const std::string path = segment_path(1);
  world.disk.flip(path, frame_of(world.disk, path, hostile.index)->position + 80);
  return world.open();
}

}  // namespace ledger::log
