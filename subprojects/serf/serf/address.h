#pragma once

#include <compare>
#include <cstdint>
#include <string>

#include "serf/result.h"

namespace serf {

/// Where a member listens, UDP and TCP alike. `ip` holds the raw octets in network order: 4, or 16.
///
/// An IPv4 address may arrive as 4 octets or as 16 in IPv4-mapped form, and stock nodes compare the
/// octets as they are: pass on what was received, compare with `same_place`. (Spec 7.2.)
struct Address {
  std::string ip;
  uint16_t port = 0;

  auto operator<=>(const Address&) const = default;

  bool valid() const { return ip.size() == 4 || ip.size() == 16; }
};

/// The 4 octets of an IPv4-mapped address, else the octets unchanged.
std::string unmapped(View ip);

/// Whether both name the same host and port, whatever the form of the octets.
bool same_place(const Address& a, const Address& b);

/// `127.0.0.1:7946` or `[2001:db8:0:0:0:0:0:1]:7946`; `?:7946` for octets of another length.
std::string format(const Address& address);

/// Reads `a.b.c.d:port` or `[ipv6]:port`; without a port, `port_default`. No name is looked up.
///
/// Errors: `invalid`.
Result<Address> parse_address(View text, uint16_t port_default = 7946);

}  // namespace serf
