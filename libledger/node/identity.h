// Who a data directory belongs to: the file DATA/node.
#pragma once

#include <array>
#include <optional>
#include <string>

#include "base/id.h"
#include "base/result.h"
#include "io/clock.h"
#include "io/disk.h"

namespace ledger::node {

/// The version of everything in a data directory that this binary writes.
constexpr unsigned data_format = 1;

/// A node's identity, drawn once and kept for ever. The file is text, one `name value` a line in
/// this order, the last line the CRC32C of all before it:
///
///     format 1
///     name n1
///     member 9f31c2aa04d7e910           consensus id, hexadecimal
///     cluster 3f2a0c11-…                UUID; all zeros: it belongs to none yet
///     hash-key 00112233445566778899aabbccddeeff   keys the hash of client-chosen ids
///     crc32c 5a17c3e0
struct Identity {
  std::string name;
  MemberId member;
  Id cluster;
  std::array<uint8_t, 16> hash_key{};

  friend bool operator==(const Identity&, const Identity&) = default;

  /// A new member with fresh random numbers.
  static Identity draw(std::string name, const Id& cluster, io::Random& random);

  std::string encode() const;
  /// Errors: `format_too_new`, `corrupt_segment`.
  static Result<Identity> decode(Bytes text);

  /// What the directory says; nothing where it has no such file.
  static Result<std::optional<Identity>> load(io::Disk& disk);
  /// Written whole or not at all, and durable.
  Result<void> save(io::Disk& disk) const;

  /// The mark of a directory whose member was taken out of its cluster: the file DATA/left.
  static Result<bool> has_left(io::Disk& disk);
  static Result<void> mark_left(io::Disk& disk);
  static Result<void> forget_left(io::Disk& disk);
};

}  // namespace ledger::node
