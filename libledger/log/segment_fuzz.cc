// Any bytes may stand in the files of a log: readers survive them, take no more memory than they
// say, and agree with each other.
//
// An input is a segment file, or a directory: pieces that begin with `F`, a name's number and the
// size (u32) of what follows.
#include <cstdint>
#include <cstdlib>

#include "base/bytes.h"
#include "base/record.h"
#include "io/memory_disk.h"
#include "io/seeded_random.h"
#include "log/index.h"
#include "log/log.h"
#include "log/mend.h"
#include "log/repair.h"
#include "log/scan.h"
#include "log/verify.h"

using namespace ledger;
using namespace ledger::log;

namespace {

void expect(bool holds) {
  if (!holds) std::abort();
}

/// Lays the input out as files.
void fill(io::MemoryDisk& disk, Bytes input) {
  expect(disk.make_directory(segments_directory).has_value());
  if (!input.starts_with('F')) {
    disk.put(segment_path(1), input);
    return;
  }
  Cursor cursor(input);
  while (cursor.take<char>() == 'F') {
    const auto number = cursor.take<uint8_t>();
    const auto size = cursor.take<uint32_t>();
    if (!number || !size) return;
    const Bytes bytes = *cursor.take_bytes(std::min<size_t>(*size, cursor.rest().size()));
    switch (*number % 16) {
      case 0:
      case 1:
        disk.put(vote_paths[*number % 2], bytes);
        break;
      case 2:
        disk.put(index_path(1), bytes);
        break;
      case 3:
        disk.put(next_path, bytes);
        break;
      default:
        disk.put(segment_path(*number % 16 - 3), bytes);
    }
  }
}

/// A codec writes what it reads.
void round_trip(Bytes input) {
  if (const auto header = decode_header(input)) expect(input.starts_with(encode(*header)));
  if (input.size() >= vote_copy_bytes) {
    const Bytes block = input.substr(0, vote_copy_bytes);
    if (const auto copy = decode_vote_copy(block)) expect(encode(*copy) == block);
  }
  if (const auto index = decode_index(input)) expect(encode(*index) == input);
}

uint64_t count(Result<Scan> scan) {
  uint64_t entries = 0;
  if (!scan) return 0;
  scan->read_all();
  for (;;) {
    const Result<std::optional<Scan::Item>> item = scan->next();
    if (!item || !*item) return entries;
    ++entries;
    expect((*item)->entry.bytes().size() <= entry_bytes_max);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Bytes input(reinterpret_cast<const char*>(data), size);
  round_trip(input);
  io::MemoryDisk disk;
  fill(disk, input);

  count(Scan::open_file(disk, segment_path(1)));
  (void)verify_file(disk, segment_path(1));
  const uint64_t scanned = count(Scan::open(disk));
  const Result<VerifyReport> report = verify(disk, {.index = true});
  (void)plan_repair(disk, std::nullopt);
  (void)plan_repair(disk, Offset(1));

  if (const auto remains = Remains::look(disk)) {
    const Index end(UINT64_MAX);
    (void)remains->read(Index(1), end, remains->synced().term, 1 << 20);
    for (const Hole& hole : remains->holes()) (void)describe(hole);
    io::MemoryDisk copy = disk;
    io::SeededRandom numbers(1);
    Result<Mend> mend = Mend::begin(copy, numbers, 16 << 10);
    if (mend) (void)mend->confirm({Term(UINT64_MAX), remains->committed(), end});
    if (mend) (void)mend->next();
  }

  const Result<FoundVotes> votes = read_votes(disk);
  if (!votes || !votes->newest()) return 0;
  io::SeededRandom random(1);
  const auto log = Log::open(disk, random, votes->counting().cluster, {.segment_bytes = 16 << 10});
  if (!log) return 0;
  // What starts is not corrupt, but in sealed segments, which a start does not read.
  expect(report.has_value());
  const Index last = (*log)->last_index();
  if (!report->corrupt()) expect(last.value == scanned);
  (void)(*log)->read(Index(1), last + 1, 1 << 20);
  (void)(*log)->read_at(Offset(0), last + 1, 1 << 20);
  return 0;
}
