#include "node/claim.h"

#include <fmt/format.h>
#include <unistd.h>

#include <utility>

#include "base/ascii.h"
#include "base/node_name.h"
#include "log/log.h"
#include "log/vote_file.h"

namespace ledger::node {
namespace {

/// The host name's first label, as far as it can be a node name.
std::string default_name() {
  char host[256] = {};
  gethostname(host, sizeof host - 1);
  std::string name;
  for (const char* c = host; *c != '\0' && *c != '.' && name.size() < 32; ++c) {
    const char lower = static_cast<char>(*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c);
    name.push_back(is_lower(lower) || is_digit(lower) ? lower : '-');
  }
  return valid_node_name(name) ? name : "node";
}

/// The log is made before its cluster is noted, so a crash in between leaves a log that says
/// it. A log that is gone took our votes with it: the old id must never vote again.
Result<void> complete(Identity& identity, io::Disk& disk, io::Random& random) {
  const bool has_log = TRY(log::Log::exists(disk));
  if (has_log == (identity.cluster != Id())) return {};
  if (has_log) {
    const log::FoundVotes votes = TRY(log::read_votes(disk));
    if (!votes.newest()) return {};  // Damage, and told as such when the log is opened.
    identity.cluster = votes.counting().cluster;
  } else {
    identity.cluster = Id();
    identity.member = MemberId(random.number());
  }
  return identity.save(disk);
}

/// Comes back into the cluster that this directory has left, under another id: the old one never
/// votes again.
Result<void> rejoin(Identity& identity, io::Disk& disk, io::Random& random,
                    const StartOptions& options) {
  if (options.peers.empty() && !options.joins_by_gossip()) {
    return fail(Code::data_dir_mismatch,
                fmt::format("{} has left cluster {}", identity.name, identity.cluster.text()),
                "--join or --peers joins it again");
  }
  identity.member = MemberId(random.number());
  TRY(identity.save(disk));
  return Identity::forget_left(disk);
}

Result<Identity> known(Identity identity, io::Disk& disk, io::Random& random,
                       const StartOptions& options) {
  if (!options.name.empty() && options.name != identity.name) {
    return fail(
        Code::data_dir_mismatch,
        fmt::format("data directory belongs to node {}, not {}", identity.name, options.name),
        "use another directory, or drop --name");
  }
  TRY(complete(identity, disk, random));
  if (TRY(Identity::has_left(disk))) TRY(rejoin(identity, disk, random, options));
  return identity;
}

Result<Identity> drawn(io::Disk& disk, io::Random& random, const StartOptions& options) {
  if (TRY(log::Log::exists(disk))) {
    return fail(Code::corrupt_segment,
                fmt::format("{} holds a log, but its file 'node' is missing", options.data_dir),
                "restore the file 'node' from a copy of this directory");
  }
  return Identity::draw(options.name.empty() ? default_name() : options.name, Id(), random);
}

/// What is said where a directory has a cluster already, so that unit files can keep these options
/// and nobody believes that they did something. For one that `returns` the last two do it.
std::string ignored(const Id& cluster, bool returns, const StartOptions& options) {
  std::string flags;
  for (const auto& [given, flag] : {std::pair(options.bootstrap, "--bootstrap"),
                                    {options.bootstrap_expect > 0, "--bootstrap-expect"},
                                    {options.joins_by_gossip() && !returns, "--join"},
                                    {!options.peers.empty() && !returns, "--peers"}}) {
    if (given) flags += fmt::format("{}{}", flags.empty() ? "" : ", ", flag);
  }
  if (flags.empty()) return {};
  return fmt::format(
      "data directory belongs to cluster {} already, so this changes no membership: {}",
      cluster.text(), flags);
}

}  // namespace

Result<Claim> claim(io::Disk& disk, io::Random& random, const StartOptions& options) {
  std::optional<Identity> found = TRY(Identity::load(disk));
  const bool fresh = !found;
  const bool returns = TRY(Identity::has_left(disk));
  Claim claim{.identity = fresh ? TRY(drawn(disk, random, options))
                                : TRY(known(*std::move(found), disk, random, options)),
              .contacts = {},
              .note = {}};
  const Identity& identity = claim.identity;
  if (identity.cluster != Id()) claim.note = ignored(identity.cluster, returns, options);
  for (const auto& [name, address] : options.peers) {
    if (name != identity.name) claim.contacts.push_back({name, address});
  }
  if (!options.peers.empty() && claim.contacts.size() == options.peers.size()) {
    return fail(Code::usage, fmt::format("--peers does not name {}, this node", identity.name),
                "name all first members, this one too, or give the --name that is meant");
  }
  const bool may_found = options.alone() || (options.gossip && options.bootstrap_expect > 0);
  const bool may_join = !claim.contacts.empty() || options.joins_by_gossip();
  if (identity.cluster == Id() && !may_found && !may_join) {
    return fail(Code::usage, fmt::format("{} is empty", options.data_dir),
                "--bootstrap founds a new cluster there, --join or --peers joins one");
  }
  // Peers are told who we are before we have a cluster, and must find the same one after a crash.
  if (fresh) TRY(identity.save(disk));
  return claim;
}

}  // namespace ledger::node
