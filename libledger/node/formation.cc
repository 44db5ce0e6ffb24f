#include "node/formation.h"

#include <fmt/format.h>

#include <algorithm>

#include "book/book.h"

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
                  "name the nodes of one cluster only in --peers");
    }
    if (!found || !found->founding) found = contact.answer;
  }
  return found;
}

}  // namespace

Result<std::optional<Formation>> form(const rpc::Introduction& self, size_t expect,
                                      const std::vector<Contact>& contacts) {
  TRY(check_names(self, contacts));
  if (const auto peer = TRY(find_cluster(contacts))) {
    Formation formation{.way = Formation::Way::join, .cluster = peer->cluster, .founders = {}};
    if (!peer->founding) return formation;
    const auto founders = raft::Configuration::decode(peer->founding->bytes());
    if (founders && founders->is_voter(self.member)) {
      formation.way = Formation::Way::adopt;
      formation.founding = peer->founding;
    }
    return formation;
  }

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
  std::ranges::sort(founders, {}, &raft::Member::id);
  return Formation{.way = Formation::Way::found, .cluster = {}, .founders = {std::move(founders)}};
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
