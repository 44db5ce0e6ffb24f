// A seeded life of a log on a bad disk, and what must hold whatever happens: the executable model
// of the recovery rules in ledger-segment(5). For the tests of this room.
#pragma once

#include <string>
#include <vector>

#include "io/memory_disk.h"
#include "io/seeded_random.h"
#include "log/log.h"
#include "log/test_entries.h"

namespace ledger::log {

/// What happened in all histories so far, so that a test can say what it covered.
struct HistoryCounts {
  uint64_t opens = 0;
  uint64_t crashes = 0;           ///< Power cuts.
  uint64_t restarts = 0;          ///< The process died, the page cache lived.
  uint64_t recovery_crashes = 0;  ///< Of both, those inside a recovery.
  uint64_t failed_calls = 0;      ///< Injected errors that stopped the log.
  uint64_t torn_tails = 0;
  uint64_t cuts = 0;  ///< Truncations by a new leader.
  uint64_t full_disks = 0;
  uint64_t damages = 0;
  uint64_t damages_noticed = 0;
  uint64_t damages_harmless = 0;
  uint64_t damages_in_window = 0;  ///< Entries lost unnoticed, whose witnesses were all hit.
};

/// One history. Same seed, same history.
///
/// The truth is kept beside the log: the states that it may have after a crash are the one after
/// the last drain that succeeded, and those that the writes queued since would have led to, in
/// their order. A log that opens in any other state, does not open after crashes alone, or returns
/// a record that was never written in its place, breaks a promise.
class History {
 public:
  enum class Kind { crashes, damage };

  History(uint64_t seed, Kind kind, HistoryCounts& counts);

  /// The broken promise in words, or nothing.
  std::string run();

 private:
  using State = std::vector<Entry>;

  // Steps of a life.
  void step();
  void append();
  void append_again();
  void append_in_place_of_lost();
  void cut();
  void vote();
  void commit();
  void drain();
  void check_synced();
  void read_some();
  void plan_fault();
  void fail_call(uint64_t nth);
  void toggle_quota();

  // Its ends.
  void end_life();
  void recover();
  void check_recovered();
  void damage_and_check();
  std::string damage_something();
  Watermark testified(const io::MemoryDisk& healthy) const;

  void append(const State& entries);
  std::vector<State> possible() const;
  bool may_be(const State& state) const;
  void broken(std::string what);
  uint64_t below(uint64_t end) { return random_.below(end); }
  bool chance(uint64_t percent) { return below(100) < percent; }
  io::Crash drawn_crash();
  uint64_t newest_segment() const;

  const Kind kind_;
  HistoryCounts& counts_;
  io::SeededRandom random_;
  io::SeededRandom log_random_;
  io::MemoryDisk disk_;
  Options options_;
  std::unique_ptr<Log> log_;

  State base_;     ///< Durable for certain.
  State planned_;  ///< With all that was queued.
  State queued_;   ///< Entries queued since; one at or below the end so far cuts there.
  State lost_;     ///< Torn off by the last crash.
  Vote vote_;      ///< Durable for certain.
  std::vector<Vote> queued_votes_;
  Index committed_;
  bool full_ = false;
  bool over_ = false;
  uint64_t salt_ = 0;
  std::string broken_;
};

}  // namespace ledger::log
