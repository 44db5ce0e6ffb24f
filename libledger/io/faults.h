// What can go wrong with a MemoryDisk, as plain values: a test says what shall happen.
#pragma once

#include <optional>
#include <string>

#include "base/error.h"
#include "base/types.h"

namespace ledger::io {

/// The calls of Disk and File.
enum class Call {
  open,
  list,
  free_bytes,
  read,
  size,
  // What changes the disk:
  create,
  make_directory,
  rename,
  remove,
  sync_directory,
  write,
  sync,
};
constexpr size_t call_count = 12;

constexpr bool mutating(Call call) {
  return call >= Call::create;
}

/// What a power cut makes of the writes that were not synced: each by itself, in their order.
enum class Writes {
  lost,   ///< Nothing of any.
  kept,   ///< All of each.
  torn,   ///< A part of each.
  drawn,  ///< One of the three for each.
};

/// What is read where bytes of a write did not arrive.
enum class Rest { old, zeros, garbage, drawn };

/// What a power cut makes of created, renamed and removed names whose directory was not synced.
enum class Names {
  lost,   ///< As if none of it had happened.
  kept,   ///< All of it has happened.
  drawn,  ///< Either, for each change by itself.
};

/// A power cut. The default is the strictest that a correct disk does.
struct Crash {
  uint64_t seed = 0;  ///< Decides what is drawn: same seed and same calls, same disk afterwards.
  Writes writes = Writes::lost;
  /// How much of a torn write arrives, from its front. Absent: any subset of its sectors, which
  /// arrive whole or not at all.
  std::optional<uint64_t> torn_bytes = {};
  /// Applies where the file had no durable bytes before, as a file system may leave them in blocks
  /// it has just given to a file. Bytes that were durable are old.
  Rest rest = Rest::old;
  /// Lets `rest` stand in for durable bytes too. No disk that writes whole sectors does that.
  bool rest_everywhere = false;
  Names names = Names::lost;
};

/// Lets a call fail that would have succeeded.
struct Failure {
  std::optional<Call> call = {};         ///< Absent: any mutating call.
  std::optional<std::string> path = {};  ///< Only calls on this path count; of a rename, the old.
  uint64_t nth = 1;                      ///< Of those calls, counted from now on.
  Code code = Code::io;
  bool from_then_on = false;  ///< The following ones fail as well.
  /// A failed write: that many of its bytes were written before.
  uint64_t written_bytes = 0;
  /// A failed sync: what was unsynced is marked clean. It can be read as before, no later sync
  /// makes it durable, and a crash loses it.
  bool forget = true;
};

/// Stops the machine around a mutating call: this call and all others fail with `io` from then on,
/// until `restart` or `crash`.
struct Stop {
  enum class When { before, middle, after };

  uint64_t nth = 1;  ///< Mutating call, counted from now on.
  When when = When::before;
  /// `middle` of a write: that many bytes were written, though not synced. In the middle of a sync
  /// the first half of the unsynced writes is durable; every other call is atomic, so that its
  /// middle is `after`.
  uint64_t written_bytes = 0;
};

/// Lets the n-th write from now on succeed, but land elsewhere.
struct Misdirection {
  uint64_t nth = 1;
  std::string path;  ///< An existing file.
  uint64_t at = 0;
};

}  // namespace ledger::io
