#include "log/patient.h"

#include <fmt/format.h>

#include <cassert>

#include "log/segment.h"

namespace ledger::log {

Patient::Patient(const Shape& shape) : committed(shape.committed) {
  options = {.segment_bytes = shape.segment_bytes, .cache_bytes = 0};
  (void)Log::create(disk, random, test_cluster(), options, founding_entry());
  const auto log = open().value();
  Maker maker(*log);
  const auto drain = [&] {
    const bool drained = log->drain().has_value();
    assert(drained);
  };
  while (entries.size() < shape.count) {
    const uint64_t place = entries.size();
    if (place == shape.count / 3 || place == shape.count - 3) maker.term = maker.term + 1;
    entries.push_back(place % 11 == 5  ? maker.membership(fmt::format("members of {}", place))
                      : place % 7 == 3 ? maker.noop()
                                       : maker.records(2, 100 + place * 37 % 300, shape.salt));
    const bool appended = log->append(std::span(&entries.back(), 1)).has_value();
    assert(appended);
    if (place % 3 == 0) drain();
    if (place + 1 == committed.value) {
      drain();
      log->set_committed(committed);
      log->save_vote(vote);
      drain();
    }
  }
  drain();
  if (shape.idle) log->save_idle();
  drain();
  disk.crash();
}

Result<std::unique_ptr<Log>> Patient::open() {
  return Log::open(disk, random, test_cluster(), options);
}

std::string Patient::differs_from(const std::vector<Entry>& expected) {
  const auto log = open();
  if (!log) return log.error().message;
  if ((*log)->recovered().vote != vote) return "another vote";
  const auto found = (*log)->read(Index(1), (*log)->last_index() + 1, SIZE_MAX / 4);
  if (!found) return found.error().message;
  if (found->size() != expected.size()) {
    return fmt::format("{} entries, not {}", found->size(), expected.size());
  }
  for (size_t i = 0; i < expected.size(); ++i) {
    if (!same((*found)[i], expected[i])) return fmt::format("another entry {}", i + 1);
  }
  return {};
}

Patient::Place Patient::place(Index index) {
  const Remains remains = Remains::look(disk).value();
  for (const Remains::Run& run : remains.runs()) {
    if (index < run.first || index >= run.end) continue;
    const Remains::Part& part = remains.parts()[run.part];
    const auto file = disk.open(segment_path(part.number), io::Access::read).value();
    SegmentReader reader(*file, part.identity, run.end_position);
    for (uint64_t position = run.position;;) {
      const Frame frame = reader.at(position).value().frame;
      if (frame.entry.index == index) return {segment_path(part.number), position, frame.end()};
      position = frame.end();
    }
  }
  return {};
}

void Patient::spoil(Index index) {
  const Place at = place(index);
  disk.flip(at.path, at.position + 30);
}

std::string Patient::newest() const {
  std::string path;
  for (const std::string& file : disk.files()) path = file.ends_with(".seg") ? file : path;
  return path;
}

std::vector<Entry> fork(const std::vector<Entry>& log, uint64_t common, uint64_t count, Term term) {
  io::MemoryDisk disk;
  io::SeededRandom random(9);
  const Options options{.segment_bytes = 64 << 10};
  (void)Log::create(disk, random, test_cluster(), options, founding_entry());
  const auto other = Log::open(disk, random, test_cluster(), options).value();
  std::vector<Entry> entries(log.begin(), log.begin() + static_cast<ptrdiff_t>(common));
  const bool appended = other->append(std::span(entries).subspan(1)).has_value();
  assert(appended);
  Maker maker(*other);
  maker.term = term;
  entries.push_back(maker.noop());
  while (entries.size() < count) entries.push_back(maker.records(1, 210, 3));
  return entries;
}

}  // namespace ledger::log
