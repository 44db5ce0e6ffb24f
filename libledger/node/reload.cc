#include "node/reload.h"

#include <fmt/format.h>

namespace ledger::node {
namespace {

/// The options that are another, as the configuration file calls them; without the log's level.
std::vector<std::string_view> changed(const StartOptions& a, const StartOptions& b) {
  std::vector<std::string_view> names;
  const auto compare = [&](std::string_view name, const auto& one, const auto& other) {
    if (one != other) names.push_back(name);
  };
  const GossipOptions none;
  const GossipOptions& gossip_a = a.gossip ? *a.gossip : none;
  const GossipOptions& gossip_b = b.gossip ? *b.gossip : none;
  compare("name", a.name, b.name);
  compare("data_dir", a.data_dir, b.data_dir);
  compare("listen", a.listen, b.listen);
  compare("gossip", gossip_a.listen, gossip_b.listen);
  compare("http", a.http, b.http);
  compare("advertise", a.advertise, b.advertise);
  compare("join", gossip_a.join, gossip_b.join);
  compare("peers", a.peers, b.peers);
  compare("bootstrap_expect", a.bootstrap_expect, b.bootstrap_expect);
  compare("segment_bytes", a.segment_bytes, b.segment_bytes);
  compare("gossip_key", gossip_a.key_file, gossip_b.key_file);
  compare("log_format", a.log_format, b.log_format);
  compare("reflection", a.reflection, b.reflection);
  compare("stop_timeout", a.stop_timeout, b.stop_timeout);
  compare("enable_fault_injection", a.fault_injection, b.fault_injection);
  return names;
}

}  // namespace

void reload(const StartOptions& started, Journal& journal) {
  if (!started.again) return;
  Result<StartOptions> now = started.again();
  if (now) {
    if (const Result<void> checked = check(*now); !checked) now = tl::unexpected(checked.error());
  }
  if (!now) return journal.error(now.error().message + ": all stays as it was");
  const bool another = journal.set_level(now->log_level);
  if (another) journal.info(fmt::format("log level is {}", name(now->log_level)));
  const std::vector<std::string_view> names = changed(started, *now);
  if (!names.empty()) {
    journal.warning(fmt::format("changed, and needs a restart: {}", fmt::join(names, ", ")));
  } else if (!another && !started.fault_injection) {
    journal.info("read again, nothing has changed");  // A dev cluster asks for something else.
  }
}

}  // namespace ledger::node
