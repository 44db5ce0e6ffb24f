// HOST:PORT, and what the kernel says of it, which gRPC keeps to itself.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace ledger::rpc {

struct Address {
  std::string host;  ///< A name or a number; of IPv6 without brackets.
  uint16_t port = 0;

  /// `127.0.0.1:17400`, `[::1]:17400`.
  std::string text() const;
};

/// Errors: `invalid_value`.
Result<Address> parse_address(std::string_view text);

/// Whether every connection to it stays on this machine: 127.0.0.0/8, ::1, `localhost`.
bool is_loopback(const Address& address);

/// Why nobody can listen there, found by trying. `what` begins the message: `rpc address`. Names
/// the process that does listen, where /proc lets us see it.
/// Errors: `address_in_use`, always.
Error why_not_bound(const Address& address, const std::string& what);

/// Why nobody answers there, found by trying for a moment: `refused`, `no answer`, `unknown host`…
std::string why_unreachable(const Address& address);

}  // namespace ledger::rpc
