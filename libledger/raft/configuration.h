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

constexpr size_t member_name_bytes_max = 32;
constexpr size_t member_address_bytes_max = 255;

struct Member {
  MemberId id;
  Standing standing = Standing::standby;
  std::string name;     ///< The node's name, at most member_name_bytes_max.
  std::string address;  ///< Its advertised rpc address, HOST:PORT.

  friend auto operator<=>(const Member&, const Member&) = default;
};

/// All members, sorted by id, no id twice and none zero; at least one, at most 255. Default-made it
/// has none: nobody has told us yet.
///
///     configuration := version:u8 (1) count:u8 member[count]
///     member        := id:u64 standing:u8 name_size:u8 name address_size:u8 address
struct Configuration {
  std::vector<Member> members;

  friend auto operator<=>(const Configuration&, const Configuration&) = default;

  const Member* find(MemberId id) const;
  const Member* named(std::string_view name) const;
  size_t voters() const;
  bool is_voter(MemberId id) const;

  /// The payload. The configuration must be as described above.
  std::string encode() const;
  /// Nothing for bytes that `encode` would not write.
  static std::optional<Configuration> decode(Bytes bytes);
};

}  // namespace ledger::raft
