// Reads every sealed segment now and then, so that damage is found while peers can repair it.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "base/result.h"
#include "io/disk.h"
#include "log/damage.h"
#include "log/survey.h"

namespace ledger::log {

/// Goes through the sealed segments of a log, a slice at a time, round after round. The log may be
/// open and written to meanwhile. A node that wants one round a day asks for
/// `Log::size().second` / (a day / its pause) bytes after each pause.
///
/// Damage found is handled as at start: `request_mend`, and stop (mend.h).
///
/// Threads: one at a time, of any. `disk` must outlive it.
class Scrub {
 public:
  explicit Scrub(io::Disk& disk) : disk_(disk) {}

  struct Slice {
    uint64_t bytes = 0;            ///< Were read: as many as asked, or a little more; fewer where
                                   ///< the round ended.
    std::optional<Damage> damage;  ///< The slice ends there. The next one begins a new round.
    bool round_ended = false;
  };

  /// Checks the next `bytes` of entries. Errors: as Log::open.
  Result<Slice> step(uint64_t bytes);

 private:
  Result<void> begin_round();
  Result<std::optional<Damage>> enter();

  io::Disk& disk_;
  std::vector<Link> links_;  ///< The sealed segments of this round.
  size_t link_ = 0;
  std::unique_ptr<io::File> file_;
  std::unique_ptr<SegmentReader> reader_;
  uint64_t position_ = 0;
  Tip tip_;
};

}  // namespace ledger::log
