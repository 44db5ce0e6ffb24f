// What people write on a command line, in a variable or in a configuration file, as values.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/id.h"
#include "base/result.h"
#include "base/types.h"

namespace ledger::cli {

// Each parser takes where the text came from (`--from`, `LEDGERCTL_TIMEOUT`, `config.toml:3:1`) for
// its message, and answers `invalid_value` with the rule as hint for whatever is not exactly right:
// no sign, no blank, no leading zero, no `0x`, no overflow.

/// Decimal digits, at most `max`.
Result<uint64_t> parse_count(std::string_view where, std::string_view text,
                             uint64_t max = UINT64_MAX);

/// An offset: a count up to offset_max.
Result<Offset> parse_offset(std::string_view where, std::string_view text);

/// `250ms`, `5s`, `2m`, `1h`; a unit is required, except for `0`.
Result<Duration> parse_duration(std::string_view where, std::string_view text);

/// `64KiB`, `10MiB`, `1GiB` binary, `10MB` decimal, plain: bytes.
Result<uint64_t> parse_size(std::string_view where, std::string_view text);

/// RFC 3339, a date (midnight UTC), or `-1h`: that long before `now`.
Result<Time> parse_when(std::string_view where, std::string_view text, Time now);

/// A UUID that is an id. Errors: `invalid_id`.
Result<Id> parse_uuid(std::string_view where, std::string_view text);

/// A place in the log as people say it; `cli::place` makes an offset of it.
struct Position {
  enum class Kind : uint8_t { offset, start, end, before_end, time };
  Kind kind = Kind::start;
  uint64_t number = 0;  ///< The offset, or how many before the end.
  Time time = {};

  friend bool operator==(const Position&, const Position&) = default;
};

/// An offset, `start`, `end`, `-N` (N before the end) or `@TIME`.
Result<Position> parse_position(std::string_view where, std::string_view text, Time now);

/// A host, as a name or an address, and a port.
struct Endpoint {
  std::string host;
  uint16_t port = 0;

  /// `host:port`, `[::1]:port`.
  std::string text() const;
  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

/// `HOST:PORT` or `[IPV6]:PORT`. Port 0 is for listeners only.
Result<Endpoint> parse_endpoint(std::string_view where, std::string_view text,
                                bool port_0_allowed = false);

/// One of `choices`, separated by `|`.
Result<std::string> parse_choice(std::string_view where, std::string_view text,
                                 std::string_view choices);

/// `[a-z0-9][a-z0-9-]{0,31}`, and none of the words that mean nodes in other commands.
Result<std::string> parse_node_name(std::string_view where, std::string_view text);

}  // namespace ledger::cli
