// For the tests of this room: a log that will be damaged, what it held, and what others hold.
#pragma once

#include <string>
#include <vector>

#include "log/log.h"
#include "log/remains.h"
#include "log/test_entries.h"

namespace ledger::log {

/// A log over several segments, in terms that grow, of which everything up to `committed` is known
/// to be committed, and the rest is not. Nothing is pending; the machine is off.
struct Patient {
  struct Shape {
    uint64_t count = 40;
    uint64_t committed = 25;
    uint64_t segment_bytes = 6 << 10;
    bool idle = true;  ///< The end was saved in a vote copy.
    uint64_t salt = 0;
  };
  explicit Patient(const Shape& shape);
  Patient() : Patient(Shape{}) {}

  Result<std::unique_ptr<Log>> open();
  /// All entries of the log, once it opens; what is wrong, or nothing, if those are not `expected`
  /// or the vote is not `vote`.
  std::string differs_from(const std::vector<Entry>& expected);
  bool opens() { return open().has_value(); }

  struct Place {
    std::string path;
    uint64_t position = 0;
    uint64_t end = 0;
  };
  /// Where a whole entry stands.
  Place place(Index index);
  /// Damages it.
  void spoil(Index index);
  /// The path of the newest segment.
  std::string newest() const;

  Options options;
  io::MemoryDisk disk;
  io::SeededRandom random{5};
  std::vector<Entry> entries = {founding_entry()};
  Index committed;
  Vote vote{Term(4), MemberId(8)};
};

/// A log of `count` entries that shares the first `common` with `log` and goes on in another term.
std::vector<Entry> fork(const std::vector<Entry>& log, uint64_t common, uint64_t count, Term term);

}  // namespace ledger::log
