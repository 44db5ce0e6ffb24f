#include "sim/member_log.h"

#include <algorithm>
#include <cassert>

namespace ledger::sim {

Term MemberLog::term_at(Index index) const {
  return index == Index() || index > last() ? Term() : entries_[index.value - 1].term;
}

std::span<const Entry> MemberLog::range(Index first, Index last) const {
  assert(first > Index() && last <= this->last());
  return std::span(entries_).subspan(first.value - 1, last.value + 1 - first.value);
}

bool MemberLog::holds_durably(Index index, Term term) const {
  return index <= durable_last() && (index == Index() || durable(index).term == term);
}

Index MemberLog::synced() const {
  Index synced = durable_last();
  for (Index cut : cuts_) synced = std::min(synced, cut - 1);
  return synced;
}

bool MemberLog::append(std::span<const Entry> entries, Source source, Index committed) {
  assert(!entries.empty());
  const Index known = std::max({committed, pulled_, durable_committed_});
  const Index first = entries.front().index;
  const Index end = entries.back().index;
  if (first > last() + 1) return false;
  while (!entries.empty() && term_at(entries.front().index) == entries.front().term) {
    entries = entries.subspan(1);
  }
  if (!entries.empty()) {
    const Index cut = entries.front().index;
    if (cut <= last()) {
      if (cut <= known) return false;
      entries_.resize(cut.value - 1);
      queue_.push_back({.cut = cut, .put = {}, .committed = known});
      cuts_.push_back(cut);
    }
    for (const Entry& entry : entries) {
      entries_.push_back(entry);
      queue_.push_back({.cut = {}, .put = entry, .committed = known});
    }
  }
  if (source == Source::engine) {
    // Also where nothing is new: it is acknowledged through the queue, after what it repeats.
    queue_.push_back({.cut = {}, .put = {}, .committed = known});
    writes_.push_back({first, end, executed_ + queue_.size()});
  } else {
    pulled_ = std::max(pulled_, end);
    queue_.push_back({.cut = {}, .put = {}, .committed = pulled_});
  }
  return true;
}

void MemberLog::save_committed(Index committed) {
  queue_.push_back({.cut = {}, .put = {}, .committed = std::max(committed, pulled_)});
}

void MemberLog::execute(const Operation& operation) {
  if (operation.cut != Index() && operation.cut <= durable_last()) {
    durable_.resize(operation.cut.value - 1);
  }
  if (operation.put.index != Index()) {
    assert(operation.put.index == durable_last() + 1);
    durable_.push_back(operation.put);
  }
  durable_committed_ = std::max(durable_committed_, std::min(operation.committed, durable_last()));
}

std::optional<raft::Synced> MemberLog::end_drain() {
  for (; draining_ > 0; --draining_, ++executed_) {
    execute(queue_.front());
    if (queue_.front().cut != Index()) cuts_.pop_front();
    queue_.pop_front();
  }
  std::optional<Index> acknowledged;
  while (!writes_.empty() && writes_.front().end <= executed_) {
    acknowledged = writes_.front().last;
    writes_.pop_front();
  }
  if (!acknowledged) return std::nullopt;
  for (const Write& later : writes_) {
    acknowledged = std::min(*acknowledged, later.first - 1);
  }
  return raft::Synced{*acknowledged, term_at(*acknowledged)};
}

void MemberLog::crash(uint64_t kept) {
  assert(kept <= queue_.size());
  for (; kept > 0; --kept) {
    execute(queue_.front());
    queue_.pop_front();
  }
  queue_.clear();
  writes_.clear();
  cuts_.clear();
  draining_ = 0;
  executed_ = 0;
  entries_ = durable_;
  pulled_ = Index();
}

raft::DurableState MemberLog::recover(const Vote& vote, uint64_t segment_entries,
                                      bool trusting) const {
  assert(entries_.size() == durable_.size());
  raft::DurableState state;
  state.vote = vote;
  state.committed = durable_committed_;
  const uint64_t bound = trusting ? durable_.size() : durable_committed_.value;
  state.checkpoint = Index(bound - bound % segment_entries);
  for (const Entry& entry : durable_) {
    if (entry.index > state.checkpoint) {
      state.entries.push_back(entry);
      continue;
    }
    state.checkpoint_term = entry.term;
    if (entry.kind == EntryKind::membership) {
      state.configuration = *raft::Configuration::decode(entry.bytes());
      state.configuration_index = entry.index;
    }
  }
  return state;
}

}  // namespace ledger::sim
