#include "node/search.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace ledger::node {
namespace {

constexpr Duration hello_patience = std::chrono::milliseconds(500);

}  // namespace

Search::Search(std::vector<Contact> peers, const rpc::GossipPort* gossip, size_t expect,
               const Cuts& cuts, Tell tell)
    : by_gossip_(peers.empty()),
      gossip_(gossip),
      expect_(expect),
      cuts_(cuts),
      tell_(std::move(tell)),
      contacts_(std::move(peers)) {}

Result<std::optional<Formation>> Search::ask(const rpc::Introduction& self) {
  if (by_gossip_) contacts_ = contacts_by_gossip(self, *gossip_->members());
  for (Contact& contact : contacts_) {
    const Result<rpc::Introduction> answer =
        hello(cuts_, contact.name, contact.address, hello_patience);
    contact.answer.reset();
    if (answer) contact.answer = *answer;
  }
  if (!by_gossip_) return form(self, expect_, contacts_);
  const bool too_many = expect_ > 0 && contacts_.size() >= expect_ &&
                        std::ranges::any_of(contacts_, &Contact::expects);
  if (too_many && !std::exchange(told_too_many_, true)) {
    tell_(Level::warning, fmt::format("{} nodes are here, --bootstrap-expect says {}",
                                      contacts_.size() + 1, expect_));
  }
  return form_by_gossip(self, expect_, contacts_);
}

std::string Search::waits_for() const {
  if (expect_ > 0) return fmt::format("waiting for {} nodes to found a cluster", expect_);
  return by_gossip_ ? "waiting for a member of a cluster, by gossip"
                    : "waiting for a peer that belongs to a cluster";
}

}  // namespace ledger::node
