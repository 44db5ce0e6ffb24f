#include "dev/ports.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>

#include "io/descriptor.h"
#include "rpc/address.h"

namespace ledger::dev {
namespace {

constexpr uint16_t step = 100;
constexpr int moves_max = 20;

bool is_free(const rpc::Address& address, int type) {
  const io::Descriptor socket(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
  sockaddr_in at = {};
  at.sin_family = AF_INET;
  at.sin_port = htons(address.port);
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  // Connections of a node that has ended may linger; a listener may not.
  const int yes = 1;
  if (type == SOCK_STREAM) {
    ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  }
  return ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0 &&
         (type != SOCK_STREAM || ::listen(socket.get(), 1) == 0);
}

Result<void> check(const std::string& text, int type, std::string_view what) {
  const rpc::Address address = TRY(rpc::parse_address(text));
  if (is_free(address, type)) return {};
  Error error = rpc::why_not_bound(address, fmt::format("{} address", what));
  error.hint = "stop that process: members know each other by these addresses";
  return tl::unexpected(std::move(error));
}

}  // namespace

Result<void> check_ports(const Plan& plan, size_t first) {
  for (size_t i = first; i < plan.nodes.size(); ++i) {
    TRY(check(plan.rpc(i), SOCK_STREAM, "rpc"));
    TRY(check(plan.gossip(i), SOCK_STREAM, "gossip"));
    TRY(check(plan.gossip(i), SOCK_DGRAM, "gossip"));
    TRY(check(plan.http(i), SOCK_STREAM, "http"));
  }
  return {};
}

Result<void> choose_ports(Plan& plan, const std::vector<Plan>& others) {
  const auto size = static_cast<uint16_t>(nodes_max * ports_per_node);
  Result<void> checked;
  for (int moves = 0; moves <= moves_max && plan.base_port + size <= port_end; ++moves) {
    const bool reserved = std::ranges::any_of(others, [&](const Plan& other) {
      return plan.base_port < other.base_port + size && other.base_port < plan.base_port + size;
    });
    if (!reserved) checked = check_ports(plan, 0);
    if (!reserved && checked) return checked;
    plan.base_port = static_cast<uint16_t>(plan.base_port + step);
  }
  if (!checked) return checked;
  return fail(Code::address_in_use, "all ports are kept for other dev clusters",
              "'ledgerctl dev list' shows them; 'ledgerctl dev rm --yes' forgets one");
}

}  // namespace ledger::dev
