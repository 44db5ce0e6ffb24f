// Who belongs to the cluster: the payload of a membership entry.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/types.h"

namespace ledger::raft {

/// What a member counts for. The numbers stand in the log.
enum class Standing : uint8_t {
  standby = 0,  ///< Receives the log, counts in no majority.
  voter = 1,
};

struct Member {
  MemberId id;
  Standing standing = Standing::standby;
  std::string name;     ///< The node's name, at most 32 bytes.
  std::string address;  ///< Its advertised rpc address, HOST:PORT, at most 255 bytes.

  friend auto operator<=>(const Member&, const Member&) = default;
};

/// All members, sorted by id, no id twice.
///
///     configuration := version:u8 (1) count:u8 member[count]
///     member        := id:u64 standing:u8 name_size:u8 name address_size:u8 address
struct Configuration {
  std::vector<Member> members;

  friend auto operator<=>(const Configuration&, const Configuration&) = default;

  const Member* find(MemberId id) const;
  const Member* named(std::string_view name) const;
  size_t voters() const;

  std::string encode() const;
  /// Nothing for bytes that `encode` would not write.
  static std::optional<Configuration> decode(Bytes bytes);
};

}  // namespace ledger::raft
