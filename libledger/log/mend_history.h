// A seeded story of a damaged log and its peers, and what must hold whatever happens. For the tests
// of this room.
#pragma once

#include <string>
#include <vector>

#include "log/patient.h"
#include "log/test_peers.h"

namespace ledger::log {

/// What happened in all stories so far.
struct MendCounts {
  uint64_t whole = 0;     ///< Ended with a mended log,
  uint64_t waiting = 0;   ///< or rightly wait for more.
  uint64_t replaced = 0;  ///< Of the mended ones, with others' committed entries.
  uint64_t harmless = 0;  ///< Nothing was missing.
  uint64_t crashes = 0;   ///< While it was mended, or a failed call.
};

/// One story: a log is damaged in one to three places; its peers hold the same log, or went on
/// without it, and tell the truth, or too much; it is mended, with power cuts and failed calls in
/// the middle.
///
/// A log that opens without an entry that it promised and that may be committed, with an entry that
/// neither it nor its peers had, with another vote, or not at all though its peers have all that is
/// missing, breaks a promise.
class MendHistory {
 public:
  MendHistory(uint64_t seed, MendCounts& counts);

  /// The broken promise in words, or nothing.
  std::string run();

 private:
  std::string damage();
  std::string damage_file(const std::string& path);
  void plan_fault();
  Mended mend();
  std::string check_not_silent();
  std::string judge(const Mended& mended);
  std::string allowed(const std::vector<Entry>& found) const;
  uint64_t below(uint64_t end) { return random_.below(end); }
  bool chance(uint64_t percent) { return below(100) < percent; }

  MendCounts& counts_;
  io::SeededRandom random_;
  Patient patient_;
  std::vector<Entry> fork_;  ///< What the others have; empty: the same as we.
  Index others_committed_;
  std::optional<Confirmed> leader_;
  uint64_t floor_ = 0;  ///< So many entries can be proven to have been durable.
  std::string story_;
};

/// A peer that sends all it has, without a thought.
Peer careless_peer(std::vector<Entry> log, Index committed);

}  // namespace ledger::log
