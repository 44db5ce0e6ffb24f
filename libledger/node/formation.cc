#include "node/formation.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "book/book.h"
#include "node/gossip_plan.h"

namespace ledger::node {
namespace {

Result<void> check_names(const rpc::Introduction& self, const std::vector<Contact>& contacts) {
  for (const Contact& contact : contacts) {
    if (!contact.answer || contact.answer->name == contact.name) continue;
    return fail(Code::config_invalid,
                fmt::format("--peers says {} at {}, but {} answers there", contact.name,
                            contact.address, contact.answer->name),
                contact.answer->name == self.name ? "is our own address given for another?"
                                                  : "give every node the same list");
  }
  return {};
}

/// The cluster that the others belong to, if any does.
Result<std::optional<rpc::Introduction>> find_cluster(const std::vector<Contact>& contacts) {
  std::optional<rpc::Introduction> found;
  for (const Contact& contact : contacts) {
    if (!contact.answer || contact.answer->cluster == Id()) continue;
    if (found && found->cluster != contact.answer->cluster) {
      return fail(Code::cluster_id_mismatch,
                  fmt::format("{} belongs to cluster {}, {} to {}", found->name,
                              found->cluster.text(), contact.name, contact.answer->cluster.text()),
                  "name the nodes of one cluster only");
    }
    if (!found || !found->founding) found = contact.answer;
  }
  return found;
}

/// How to come into the cluster that one of the others belongs to.
Formation entering(const rpc::Introduction& self, const rpc::Introduction& peer) {
  Formation formation{.way = Formation::Way::join, .cluster = peer.cluster, .founders = {}};
  if (!peer.founding) return formation;
  const auto founders = raft::Configuration::decode(peer.founding->bytes());
  if (founders && founders->is_voter(self.member)) {
    formation.way = Formation::Way::adopt;
    formation.founding = peer.founding;
  }
  return formation;
}

Formation founding_with(std::vector<raft::Member> founders) {
  std::ranges::sort(founders, {}, &raft::Member::id);
  return {.way = Formation::Way::found, .cluster = {}, .founders = {std::move(founders)}};
}

}  // namespace

Result<std::optional<Formation>> form(const rpc::Introduction& self, size_t expect,
                                      const std::vector<Contact>& contacts) {
  TRY(check_names(self, contacts));
  if (const auto peer = TRY(find_cluster(contacts))) return entering(self, *peer);

  std::vector<raft::Member> founders = {
      {self.member, raft::Standing::voter, self.name, self.address}};
  std::vector<std::string> names = {self.name};
  for (const Contact& contact : contacts) names.push_back(contact.name);
  std::ranges::sort(names);
  if (expect == 0 || expect > names.size() || names.front() != self.name) return std::nullopt;
  names.resize(expect);
  for (const Contact& contact : contacts) {
    if (std::ranges::find(names, contact.name) == names.end()) continue;
    if (!contact.answer || !contact.answer->expects) return std::nullopt;
    founders.push_back(
        {contact.answer->member, raft::Standing::voter, contact.name, contact.answer->address});
  }
  return founding_with(std::move(founders));
}

std::vector<Contact> contacts_by_gossip(const rpc::Introduction& self,
                                        const std::vector<rpc::GossipMember>& gossip) {
  std::vector<Contact> contacts;
  for (const rpc::GossipMember& one : gossip) {
    const bool node = one.ledger && one.member != MemberId() && !one.rpc_address.empty();
    if (node && is_up(one) && one.name != self.name)
      contacts.push_back({one.name, one.rpc_address});
  }
  return contacts;
}

Result<std::optional<Formation>> form_by_gossip(const rpc::Introduction& self, size_t expect,
                                                std::vector<Contact> contacts) {
  for (Contact& contact : contacts) {
    if (contact.answer && contact.answer->name != contact.name) contact.answer.reset();
  }
  if (const auto peer = TRY(find_cluster(contacts))) return entering(self, *peer);
  if (expect == 0 || contacts.size() + 1 < expect) return std::nullopt;
  const bool several_told = std::ranges::any_of(contacts, &Contact::expects);
  if (several_told && contacts.size() + 1 > expect) return std::nullopt;
  std::vector<raft::Member> founders = {
      {self.member, raft::Standing::voter, self.name, self.address}};
  std::set<MemberId> ids = {self.member};
  std::ranges::sort(contacts, {}, &Contact::name);
  for (const Contact& contact : contacts) {
    if (!contact.answer || (contact.expects() && contact.name < self.name)) return std::nullopt;
    const MemberId id = contact.answer->member;
    // A copied directory: the operator has to say which of the two is meant.
    if (!ids.insert(id).second) return std::nullopt;
    if (founders.size() == expect) continue;
    founders.push_back({id, raft::Standing::voter, contact.name, contact.answer->address});
  }
  return founding_with(std::move(founders));
}

Entry founding_entry(const raft::Configuration& founders, Time now) {
  Entry founding;
  founding.index = Index(1);
  founding.term = Term(1);
  founding.kind = EntryKind::membership;
  founding.recorded = now;
  founding.rules = book::rules_newest;
  founding.payload = std::make_shared<const std::string>(founders.encode());
  return founding;
}

}  // namespace ledger::node
