// How fast entries are given to members far behind, so that those who write meanwhile notice
// little.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>

#include "base/types.h"

namespace ledger::node {

/// The pace of all pulls from this node together. While nobody writes there is none. While somebody
/// does, it is `bytes_a_second_min`, or twice what has been written lately where that is more: a
/// member that pulls comes nearer under any load, and several that do share it.
///
/// It does not follow the latency of writes. A pull harms the slowest few percent, by single
/// collisions with a batch, long before it moves the median; to see those a node would have to
/// watch thousands of writes at each pace it tries.
///
/// Bytes are those of entries' bodies, on both sides. Source: the virtual scheduling form of the
/// generic cell rate algorithm (ITU-T I.371), a token bucket that holds one instant.
///
/// Threads: any.
class Pace {
 public:
  static constexpr uint64_t bytes_a_second_min = 16 << 20;
  static constexpr uint64_t over_written = 2;
  /// For so long back it matters what was written.
  static constexpr Duration lately = std::chrono::seconds(1);
  /// After so long without a write nobody writes.
  static constexpr Duration quiet = std::chrono::seconds(2);
  /// A batch is what may be given in this time. It keeps the receiver busy at one go.
  static constexpr Duration batch = std::chrono::milliseconds(4);
  /// Who comes late may make up for so much, and no more.
  static constexpr Duration late_max = std::chrono::milliseconds(20);

  /// All that was written since the node began is now `bytes`. Cheap; may be called each turn.
  void wrote(Instant now, uint64_t bytes);

  /// How much to give at once, at most `bytes_max`. An entry larger than that goes whole.
  size_t batch_bytes(Instant now, size_t bytes_max);

  /// A stream was given `bytes`: how long it is to wait before it is given more.
  Duration gave(Instant now, size_t bytes);

 private:
  uint64_t bytes_a_second(Instant now);
  void begin_window(Instant now);

  static constexpr Instant never{INT64_MIN / 2};
  std::mutex mutex_;
  uint64_t written_ = 0;
  Instant last_write_ = never;
  Instant window_ = never;  ///< Since when `in_window_` is counted: `lately` at most.
  uint64_t in_window_ = 0;
  uint64_t in_window_before_ = 0;
  Instant due_ = never;  ///< When all that was given is paid for.
};

}  // namespace ledger::node
