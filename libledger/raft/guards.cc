#include "raft/guards.h"

#include <algorithm>
#include <cassert>

namespace ledger::raft {

std::vector<AppendEntries> cut_before_changes(AppendEntries message) {
  std::vector<AppendEntries> parts;
  AppendEntries part = message;
  part.entries.clear();
  for (Entry& entry : message.entries) {
    if (entry.kind == EntryKind::membership && !part.entries.empty()) {
      AppendEntries next = part;
      next.previous_index = part.entries.back().index;
      next.previous_term = part.entries.back().term;
      next.entries.clear();
      parts.push_back(std::move(part));
      part = std::move(next);
    }
    part.entries.push_back(std::move(entry));
  }
  parts.push_back(std::move(part));
  return parts;
}

bool may_change(const Trail& trail, Index committed, Term term) {
  return trail.term_at(committed) == term;
}

void drop_committed(AppendEntries& message, const Trail& trail, Index committed) {
  if (message.previous_index >= committed) return;
  const uint64_t below =
      std::min<uint64_t>(committed - message.previous_index, message.entries.size());
  message.entries.erase(message.entries.begin(),
                        message.entries.begin() + static_cast<ptrdiff_t>(below));
  message.previous_index = committed;
  message.previous_term = trail.term_at(committed);
}

void tell_term(Message& refusal, Term term) {
  refusal.term = std::max(refusal.term, term);
}

bool keeps_leader(const Configuration& next, MemberId leader) {
  return next.is_voter(leader);
}

void clamp_rejection(AppendEntriesResult& rejection) {
  if (rejection.rejected == Index()) return;
  rejection.last_index = std::min(rejection.last_index, rejection.rejected - 1);
}

AppendEntriesResult answer_lower_term(const AppendEntries& message) {
  return {.rejected = std::max(message.previous_index, Index(1)), .last_index = {}};
}

bool keep_rejection(AppendEntriesResult& result, Index match) {
  if (result.rejected == Index()) return true;
  if (result.rejected <= match) return false;
  result.last_index = std::max(result.last_index, match);
  return true;
}

void withhold_demotion(AppendEntries& message, MemberId to, const Trail& trail, Index committed) {
  const Index change = trail.configuration_index();
  if (change <= committed || trail.configuration().is_voter(to)) return;
  const Checkpoint before = trail.checkpoint_at(change - 1);
  if (!before.configuration.is_voter(to)) return;
  if (message.previous_index >= change) {
    message.previous_index = before.index;
    message.previous_term = before.term;
    message.count = 0;
  } else {
    message.count = static_cast<uint32_t>(
        std::min<uint64_t>(message.count, before.index - message.previous_index));
  }
}

}  // namespace ledger::raft
