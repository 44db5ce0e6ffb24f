// Looking at every byte of a log: what `segment verify` and `segment stat` show.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "io/disk.h"
#include "log/survey.h"

namespace ledger::log {

/// One segment that is part of the log, or should be.
struct SegmentReport {
  enum class State { open, sealed, torn, corrupt };

  std::string path;
  State state = State::open;
  Index first_index;
  Offset first_offset;
  Offset next_offset;
  uint64_t records = 0;
  uint64_t entries = 0;
  uint64_t bytes = 0;  ///< Header and living entries; of a sealed one that was not read, the file.
  Term term_min;       ///< 0 where there is no entry, as `term_max`.
  Term term_max;
  std::optional<Time> oldest;  ///< Of its first record and its last; absent where there is none.
  std::optional<Time> newest;
  std::optional<TornTail> torn;
  std::vector<Damage> damages;
  bool index_bad = false;  ///< The .idx file is missing or damaged, where that was asked.
};

std::string_view name(SegmentReport::State state);

struct VerifyOptions {
  bool fast = false;   ///< Headers and the newest segment only.
  bool index = false;  ///< The .idx files too.
};

struct VerifyReport {
  std::vector<SegmentReport> segments;  ///< In their order.
  std::vector<Damage> others;           ///< Of no segment that is there: vote copies, lost files.
  Index committed;                      ///< As stored.

  bool torn() const;
  bool corrupt() const;
  bool index_bad() const;
};

/// After each segment, with its report.
using Progress = std::function<void(const SegmentReport&)>;

/// Checks the log in the directory that is the disk's root: every checksum, length, order, the
/// chain, and that batches hold the records they say. Reads only. Errors: as Scan::open.
Result<VerifyReport> verify(io::Disk& disk, const VerifyOptions& options,
                            const Progress& progress = nullptr);

/// Checks a single segment file, for which only its own entries can testify.
Result<SegmentReport> verify_file(io::Disk& disk, const std::string& path);

}  // namespace ledger::log
