#include "raft/trail.h"

#include <algorithm>
#include <cassert>

namespace ledger::raft {

Term Trail::term_at(Index index) const {
  if (index == checkpoint_.index) return checkpoint_.term;
  if (index < first_ || index > last()) return Term();
  return std::ranges::lower_bound(runs_, index, {}, &Run::last)->term;
}

const Configuration& Trail::configuration() const {
  return changes_.empty() ? checkpoint_.configuration : changes_.back().configuration;
}

Index Trail::configuration_index() const {
  return changes_.empty() ? checkpoint_.configuration_index : changes_.back().index;
}

Checkpoint Trail::checkpoint_at(Index index) const {
  assert(index >= checkpoint_.index && index <= last());
  Checkpoint at = checkpoint_;
  at.index = index;
  at.term = term_at(index);
  for (const Change& change : changes_) {
    if (change.index > index) break;
    at.configuration = change.configuration;
    at.configuration_index = change.index;
  }
  return at;
}

void Trail::append(Term term) {
  assert(term > Term() && term >= last_term());
  const Index index = last() + 1;
  if (runs_.empty() || runs_.back().term != term) {
    runs_.push_back({index, term});
  } else {
    runs_.back().last = index;
  }
}

void Trail::append(Term term, Configuration configuration) {
  append(term);
  changes_.push_back({last(), std::move(configuration)});
}

void Trail::truncate(Index index) {
  assert(index >= first_ && index > checkpoint_.index && index <= last());
  while (!changes_.empty() && changes_.back().index >= index) changes_.pop_back();
  const auto begin_of = [this](size_t run) { return run == 0 ? first_ : runs_[run - 1].last + 1; };
  while (!runs_.empty() && begin_of(runs_.size() - 1) >= index) runs_.pop_back();
  if (!runs_.empty()) runs_.back().last = index - 1;
}

void Trail::advance(Index index, uint64_t entries_max) {
  if (index > checkpoint_.index) {
    checkpoint_ = checkpoint_at(index);
    std::erase_if(changes_, [&](const Change& change) { return change.index <= index; });
  }
  if (last() < first_ || last() - first_ < entries_max) return;
  const Index end = last();
  first_ = std::min(last() + 1 - entries_max, checkpoint_.index + 1);
  std::erase_if(runs_, [&](const Run& run) { return run.last < first_; });
  assert(last() == end || runs_.empty());
}

}  // namespace ledger::raft
