// How a node without a cluster looks for one, or for enough others to found one.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "node/cuts.h"
#include "node/formation.h"
#include "node/journal.h"
#include "rpc/gossip_port.h"

namespace ledger::node {

/// Asks those of `--peers`, or, without any, those that gossip knows, who they are.
///
/// Threads: one.
class Search {
 public:
  using Tell = std::function<void(Level, std::string_view)>;

  /// `expect`: as many found a cluster together; 0: only join one. `gossip` may be null. It and
  /// `cuts` must outlive this.
  Search(std::vector<Contact> peers, const rpc::GossipPort* gossip, size_t expect, const Cuts& cuts,
         Tell tell);

  /// One round; takes up to half a second for each that does not answer. Nothing: ask again.
  /// Errors: those of `form`.
  Result<std::optional<Formation>> ask(const rpc::Introduction& self);

  /// What this waits for, for the log.
  std::string waits_for() const;

  /// The others, with what they have said in the last round.
  const std::vector<Contact>& contacts() const { return contacts_; }

 private:
  const bool by_gossip_;
  const rpc::GossipPort* const gossip_;
  const size_t expect_;
  const Cuts& cuts_;
  const Tell tell_;
  std::vector<Contact> contacts_;
  bool told_too_many_ = false;
};

}  // namespace ledger::node
