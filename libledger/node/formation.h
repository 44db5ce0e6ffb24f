// How a node without a cluster comes to one, by a static list of peers or by gossip.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/entry.h"
#include "base/result.h"
#include "rpc/peer_ports.h"
#include "rpc/ports.h"

namespace ledger::node {

/// One of `--peers`, or one that gossip knows, and what it said of itself when it was asked last.
struct Contact {
  std::string name;
  std::string address;  ///< rpc
  std::optional<rpc::Introduction> answer = {};

  /// It was told how many found a cluster, and has none yet.
  bool expects() const { return answer && answer->expects; }
};

/// What a node does about its cluster.
struct Formation {
  enum class Way : uint8_t {
    found,  ///< Draw a cluster id and found it with `founders`.
    adopt,  ///< Begin with `founding`, the first entry of a cluster that was founded with us.
    join,   ///< Begin with nothing and ask to be taken in.
  };
  Way way = Way::join;
  Id cluster;                          ///< adopt, join.
  raft::Configuration founders;        ///< found.
  std::optional<Entry> founding = {};  ///< adopt.
};

/// Decides from what the others answered; nothing: ask them again.
///
/// With `expect` of N the first of the N first names founds, once each of the N has said that it
/// belongs to no cluster and waits too: so a founder that lost its disk joins what it founded. All
/// N begin with the same first entry, so each is a voter from the start.
///
/// `contacts` are the others, without ourselves. Errors: `config_invalid` where a name and an
/// address do not belong together, `cluster_id_mismatch` where the others belong to several.
Result<std::optional<Formation>> form(const rpc::Introduction& self, size_t expect,
                                      const std::vector<Contact>& contacts);

/// The nodes that gossip knows beside us and that are up.
std::vector<Contact> contacts_by_gossip(const rpc::Introduction& self,
                                        const std::vector<rpc::GossipMember>& gossip);

/// The same as `form` for contacts that gossip has found, where nobody knows who will come.
///
/// With `expect` of N a cluster is founded once N nodes are there, ourselves included, and each
/// that is there has answered that it belongs to none. A node that answers by another name than
/// gossip gives it has not answered.
///
/// Where we alone were told a number, more than N may be there: we found with the first of the
/// others by name, and the rest joins. Only we ever found, so there is one cluster whoever sees
/// whom. Where several were told, the first of them by name founds, with exactly N there: two of
/// them found two clusters only if more than N nodes are started and at that moment each of them
/// sees another N.
///
/// Errors: `cluster_id_mismatch`.
Result<std::optional<Formation>> form_by_gossip(const rpc::Introduction& self, size_t expect,
                                                std::vector<Contact> contacts);

/// The first entry of a cluster's log.
Entry founding_entry(const raft::Configuration& founders, Time now);

}  // namespace ledger::node
