// What is wrong with a log, as told to people and to consensus.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "log/format.h"

namespace ledger::log {

/// Bytes that were once synced and are now different or gone.
struct Damage {
  std::string path;
  uint64_t position = 0;
  uint32_t stored_crc = 0;
  uint32_t computed_crc = 0;
  Index first_missing;           ///< 0: not known.
  Index end_missing;             ///< First index after the hole; 0: not known.
  std::optional<Offset> offset;  ///< Of the first record that can't be read, where known.
  Error error;                   ///< `corrupt_segment`, `offset_gap` or `io`, ready to print.
};

/// What a crash left after the last synced place: never promised, cut at open.
struct TornTail {
  std::string path;
  uint64_t position = 0;
  uint64_t bytes = 0;  ///< From `position` to the last byte that is not zero.
  Offset next_offset;  ///< Of the record that would have stood there.
};

/// The entry at `position` of `path` is damaged; the record with `offset` is its first, or would
/// have been. `detail` says what the disk said, for Fault::read.
Damage damaged_entry(const std::string& path, uint64_t position, const BadFrame& bad,
                     std::optional<Offset> offset, const Error& detail = {});

/// The header of `path` is damaged.
Damage damaged_header(const std::string& path, const BadBlock& bad);

/// Stands in hints where the data directory's name is to be.
constexpr std::string_view directory_hole = "DATA_DIR";

/// Who is told of damage: who only reads can still start the node, whose peers may have what is
/// missing; the node that starts has none to ask, or would not have failed.
enum class Told : uint8_t { reader, node };

/// An error about a log, with the name of its data directory, which this room does not know: before
/// the path that the message begins with, and in the command that the hint names.
Error located(Error error, const std::string& directory, Told told);

}  // namespace ledger::log
