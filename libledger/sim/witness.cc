#include "sim/witness.h"

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "log/format.h"
#include "sim/checker.h"

namespace ledger::sim {
namespace {

std::string text(const Machine& machine) {
  return machine.name + " (" + std::to_string(machine.id.value) + ")";
}
std::string text(Index index) {
  return "entry " + std::to_string(index.value);
}
std::string text(Offset offset) {
  return "offset " + std::to_string(offset.value);
}
std::string text(Term term) {
  return "term " + std::to_string(term.value);
}

[[noreturn]] void violated(const Machine& machine, const std::string& what) {
  throw Violation(text(machine) + ": " + what);
}

}  // namespace

rpc::Proposal Batch::proposal(bool decisions) const {
  rpc::Proposal proposal;
  for (const std::string& record : records) {
    put_varint(proposal.packed, record.size());
    proposal.packed += record;
    ++proposal.count;
  }
  proposal.decisions = decisions;
  return proposal;
}

// ---- Members. ----

void Witness::sees(Machine& machine) {
  const node::Replica& replica = *machine.replica;
  Term& term = terms_[machine.id];
  if (replica.term() < term) violated(machine, "goes back to " + text(replica.term()));
  term = replica.term();
  if (replica.leads()) {
    const auto [found, first] = leaders_.emplace(term, machine.id);
    if (!first && found->second != machine.id) {
      violated(machine,
               "leads in " + text(term) + ", and so does " + std::to_string(found->second.value));
    }
  }
  if (replica.committed() < machine.committed) violated(machine, "uncommits");
  if (replica.configuration() != machine.configuration) {
    machine.configuration_before = std::exchange(machine.configuration, replica.configuration());
  }
  if (replica.leads() && machine.led == term && replica.committed() > machine.committed) {
    on_majority(machine, replica.committed(), "is committed");
  }
  machine.committed = replica.committed();
  believes(machine, machine.committed);
  machine.led = replica.leads() ? std::optional(term) : std::nullopt;

  const Index applied = replica.history().applied();
  if (applied > machine.log->synced_index()) {
    violated(machine, "applies " + text(applied) + ", which is not on its disk");
  }
  while (machine.applied < applied) {
    const auto entries = machine.log->read(machine.applied + 1, applied + 1, 1 << 20);
    if (!entries || entries->empty()) {
      if (machine.in_trouble()) return;
      violated(machine, "has lost " + text(machine.applied + 1));
    }
    for (const Entry& entry : *entries) applies(machine, entry);
    machine.applied = entries->back().index;
  }
  keeps(machine);
  const Offset end = replica.history().end();
  if (machine.end == end) return;
  machine.end = end;
  const auto [digest, first] = digests_.emplace(end, replica.history().book().digest());
  if (!first && digest->second != replica.history().book().digest()) {
    violated(machine, "has another book at " + text(end));
  }
}

void Witness::returns(Machine& machine) const {
  const Held& held = machine.held;
  Index newest = std::min(applied(), held.synced);
  while (newest > held.base && held.term(newest) != entries_[newest.value - 1].term) --newest.value;
  machine.kept = std::max(machine.kept, newest);
  keeps(machine);
  believes(machine, machine.log->recovered().committed);
}

/// Whatever nobody has applied yet is judged when somebody has.
void Witness::believes(const Machine& machine, Index committed) const {
  const log::Log& log = *machine.log;
  if (committed == Index() || committed > applied() || committed > log.last_index() ||
      committed < log.recovered().checkpoint) {
    return;
  }
  if (log.term(committed) != entries_[committed.value - 1].term) {
    violated(machine, "takes another " + text(committed) + " for committed");
  }
}

/// What is committed and on a disk stays there, whatever else is cut, and in all its lives.
void Witness::keeps(Machine& machine) const {
  const log::Log& log = *machine.log;
  const auto holds = [&](Index index) {
    return index <= log.synced_index() && (index < log.recovered().checkpoint ||
                                           log.term(index) == entries_[index.value - 1].term);
  };
  if (machine.kept != Index() && !holds(machine.kept)) {
    violated(machine, "had " + text(machine.kept) + ", which is committed, and has it no more");
  }
  const Index newest = std::min(applied(), log.synced_index());
  if (newest > machine.kept && holds(newest)) machine.kept = newest;
}

void Witness::applies(const Machine& machine, const Entry& entry) {
  if (entry.index == applied() + 1) return add(machine, entry);
  const Applied here{entry.term, log::content_crc(entry)};
  if (entry.index > applied()) violated(machine, "skips to " + text(entry.index));
  if (entries_[entry.index.value - 1] != here) {
    violated(machine, "applies another " + text(entry.index) + " than others did");
  }
}

void Witness::add(const Machine& machine, const Entry& entry) {
  entries_.push_back({entry.term, log::content_crc(entry)});
  ++world_.counts()["entries"];
  if (entry.kind == EntryKind::membership) ++world_.counts()["changes"];
  if (entry.kind != EntryKind::records) return;
  if (entry.base_offset != end()) {
    violated(machine, text(entry.index) + " begins at " + text(entry.base_offset) + ", not at " +
                          text(end()));
  }
  Cursor cursor(entry.bytes());
  for (uint32_t i = 0; i < entry.record_count; ++i) {
    const Bytes bytes = *take_record(cursor);
    const RecordView record = view_record(bytes);
    if (!offsets_.emplace(record.id, end()).second) {
      violated(machine, "a second record for " + record.id.text() + " at " + text(end()));
    }
    const auto asked = asked_.find(record.id);
    if (asked == asked_.end()) violated(machine, "nobody asked for the record at " + text(end()));
    if (asked->second.bytes != bytes) violated(machine, "other bytes at " + text(end()));
    if (asked->second.open == 0 && !asked->second.acknowledged) {
      violated(machine, record.id.text() + " is written, though all who asked were told that it " +
                            "is not");
    }
    records_.push_back({record.id, std::string(bytes), entry.index, tally_.apply(record)});
    ++world_.counts()["records"];
    if (records_.back().booked.code != book::Code::ok) ++world_.counts()["refusals"];
  }
}

void Witness::on_majority(const Machine& machine, Index index, const char* what) const {
  const Term term = index <= applied() ? entries_[index.value - 1].term : machine.log->term(index);
  const auto holding = [&](const raft::Configuration& configuration) {
    return static_cast<size_t>(
        std::ranges::count_if(configuration.members, [&](const raft::Member& member) {
          return member.standing == raft::Standing::voter && world_.holds(member.id, index, term);
        }));
  };
  // A change of the members may be newer than what made this entry a committed one.
  for (const auto* configuration : {&machine.configuration, &machine.configuration_before}) {
    if (holding(*configuration) * 2 <= configuration->voters()) continue;
    if (world_.shows(index, term)) return;
    violated(machine, text(index) + " " + what + ", and no log can show it");
  }
  violated(machine, text(index) + " " + what + ", and " +
                        std::to_string(holding(machine.configuration)) + " of " +
                        std::to_string(machine.configuration.voters()) + " voters have it on disk");
}

void Witness::sends(const Machine& machine, const raft::Message& message) {
  std::optional<MemberId> candidate;
  if (const auto* vote = std::get_if<raft::RequestVote>(&message.body)) {
    if (!vote->pre_vote) candidate = machine.id;
  } else if (const auto* answer = std::get_if<raft::RequestVoteResult>(&message.body)) {
    if (answer->granted && !answer->pre_vote) candidate = message.to;
  }
  if (!candidate) return;
  const auto [found, first] = votes_.emplace(std::pair(machine.id, message.term), *candidate);
  if (!first && found->second != *candidate) {
    violated(machine, "votes twice in " + text(message.term));
  }
}

void Witness::reads_log(const Machine& machine, Index end) const {
  size_t records = 0;
  for (Index next(1); next <= end;) {
    const auto entries = machine.log->read(next, end + 1, 1 << 20);
    if (!entries || entries->empty()) violated(machine, "has no " + text(next));
    for (const Entry& entry : *entries) {
      const Applied here{entry.term, log::content_crc(entry)};
      if (entries_[entry.index.value - 1] != here) {
        violated(machine, "holds another " + text(entry.index) + " than was applied");
      }
      records += entry.record_count;
    }
    next = entries->back().index + 1;
  }
  // The ids of what was applied are unique, so the records of the log are.
  if (end == applied() && records != records_.size()) violated(machine, "has other records");
}

void Witness::counts_money(const Machine& machine) const {
  const book::Book& book = machine.replica->history().book();
  if (book.next_offset() != end()) return;
  Int128 sum = 0;
  size_t accounts = 0;
  book.each_account("", [&](const book::AccountRow& row) {
    ++accounts;
    const Int128 balance = row.posted();
    sum += balance;
    const auto found = tally_.balances().find(row.account.account);
    if (found == tally_.balances().end() || balance != found->second) {
      violated(machine,
               "has another balance of " + row.account.name + " than its transfers add up to");
    }
  });
  if (sum != 0) violated(machine, "money is made or lost");
  if (accounts != tally_.balances().size()) violated(machine, "has other accounts");
}

// ---- Clients. ----

void Witness::asks(const Batch& batch) {
  if (batch.conflicts) return;
  for (size_t i = 0; i < batch.ids.size(); ++i) {
    Asked& asked = asked_[batch.ids[i]];
    asked.bytes = batch.records[i];
    ++asked.open;
  }
}

void Witness::denies(const Batch& batch) {
  if (batch.conflicts) return;
  for (const Id& id : batch.ids) {
    Asked& asked = asked_.at(id);
    --asked.open;
    if (asked.open == 0 && !asked.acknowledged && offsets_.contains(id)) {
      throw Violation(id.text() + " is said not to be written, and is");
    }
  }
}

void Witness::acknowledges(Machine& machine, const Batch& batch, const rpc::Outcome& outcome) {
  ++answers_;
  if (outcome.offsets.size() != batch.ids.size()) violated(machine, "answers for other records");
  if (!outcome.decisions.empty() && outcome.decisions.size() != batch.ids.size()) {
    violated(machine, "decides other records");
  }
  for (size_t i = 0; i < batch.ids.size(); ++i) {
    const auto position = static_cast<uint32_t>(i);
    const Id& id = batch.ids[i];
    const Offset offset = outcome.offsets[i];
    const auto found = offsets_.find(id);
    if (offset >= end() || found == offsets_.end() || found->second != offset) {
      violated(machine, "says that " + id.text() + " is at " + text(offset) +
                            (found == offsets_.end() ? ", and nobody has applied it"
                                                     : ", and it is at " + text(found->second)));
    }
    const bool refused = std::ranges::find(outcome.refused, position) != outcome.refused.end();
    if (batch.conflicts) {
      if (!refused) violated(machine, "takes another record for " + id.text());
      continue;
    }
    const Record& record = records_[offset.value];
    if (record.bytes != batch.records[i]) violated(machine, "other bytes at " + text(offset));
    if (refused != (record.booked.code != book::Code::ok)) {
      violated(machine, "decides " + text(offset) + " wrongly");
    }
    on_majority(machine, record.entry, "is acknowledged");
    const bool duplicate =
        std::ranges::find(outcome.duplicates, position) != outcome.duplicates.end();
    if (!outcome.decisions.empty()) {
      check_decision(machine, outcome.decisions[i], offset, duplicate);
    }
    Asked& asked = asked_.at(id);
    if (asked.acknowledged && *asked.acknowledged != offset) {
      violated(machine, id.text() + " has two offsets");
    }
    asked.acknowledged = offset;
    acknowledged_ = std::max(acknowledged_, offset + 1);
    ++world_.counts()["acknowledged"];
    if (duplicate) ++world_.counts()["duplicates"];
  }
}

void Witness::check_decision(const Machine& machine, const book::Decision& decision, Offset offset,
                             bool duplicate) const {
  const Record& record = records_[offset.value];
  if (decision.id != record.id || decision.offset != offset ||
      decision.verdict.code != record.booked.code) {
    violated(machine, "decides " + text(offset) + " as " +
                          std::string(book::name(decision.verdict.code)) + ", not as " +
                          std::string(book::name(record.booked.code)));
  }
  if (duplicate) return;
  for (const book::Balance& balance : decision.balances) {
    const auto found = record.booked.balances.find(balance.account);
    if (found == record.booked.balances.end() || balance.posted != found->second) {
      violated(machine, "tells another balance of " + balance.name + " after " + text(offset));
    }
  }
}

void Witness::reads(Machine& machine, Offset covers, const rpc::View& view, const Id* sought) {
  sees(machine);
  const Offset end = view.book().next_offset();
  if (end < covers) {
    violated(machine, "a read sees " + text(end) + " and should see " + text(covers));
  }
  if (end > this->end()) {
    if (machine.in_trouble()) return;
    violated(machine, "a read sees what nobody has applied");
  }
  if (sought == nullptr) return;
  const auto found = offsets_.find(*sought);
  const bool expected = found != offsets_.end() && found->second < end;
  const auto transaction = view.transaction(*sought);
  if (!transaction) {
    if (machine.in_trouble()) return;
    violated(machine, "can't read " + sought->text() + ": " + transaction.error().message);
  }
  if (transaction->has_value() != expected) {
    violated(machine,
             "a read " + std::string(expected ? "does not find " : "finds ") + sought->text());
  }
  if (!expected) return;
  const Record& record = records_[found->second.value];
  if ((*transaction)->record != record.bytes) violated(machine, "a read finds other bytes");
  check_decision(machine, (*transaction)->decision, found->second, true);
}

void Witness::serves(const Machine& machine, Offset from, const book::Decided& decided) const {
  if (decided.first != from) violated(machine, "serves another offset than asked for");
  Cursor cursor(decided.records);
  for (size_t i = 0; i < decided.verdicts.size(); ++i) {
    const Offset offset = from + i;
    const auto bytes = take_record(cursor);
    if (offset >= end() || !bytes || *bytes != records_[offset.value].bytes) {
      violated(machine, "serves other bytes at " + text(offset));
    }
    if (static_cast<uint8_t>(decided.verdicts[i]) !=
        static_cast<uint8_t>(records_[offset.value].booked.code)) {
      violated(machine, "serves another verdict at " + text(offset));
    }
  }
}

}  // namespace ledger::sim
