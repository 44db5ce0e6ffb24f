#include "node/start_options.h"

#include <fmt/format.h>

#include "base/node_name.h"
#include "log/log.h"
#include "rpc/address.h"

namespace ledger::node {

std::string reached_at(const StartOptions& options, std::string_view name,
                       const std::string& listens) {
  for (const auto& [peer, address] : options.peers) {
    if (peer == name) return address;
  }
  if (options.advertise.empty()) return listens;
  return options.advertise + listens.substr(listens.rfind(':'));
}

Result<void> check(const StartOptions& options) {
  if (!options.name.empty() && !valid_node_name(options.name)) {
    return fail(Code::invalid_value, fmt::format("--name: '{}' is not a node name", options.name),
                "[a-z0-9][a-z0-9-]{0,31}, and not leader, followers, any-follower or all");
  }
  if (options.segment_bytes < log::segment_bytes_min) {
    return fail(Code::invalid_value,
                fmt::format("--segment-bytes: {} is too small", options.segment_bytes),
                "at least 2MiB");
  }
  for (const auto& [flag, text] :
       {std::pair("--listen", &options.listen), {"--http", &options.http}}) {
    if (rpc::is_loopback(TRY(rpc::parse_address(*text)))) continue;
    return fail(Code::usage, fmt::format("{}: {} is not a loopback address", flag, *text),
                "without TLS a node listens on loopback only, such as 127.0.0.1:17400");
  }
  if (options.gossip) TRY(check(*options.gossip));
  return {};
}

}  // namespace ledger::node
