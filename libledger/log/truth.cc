#include "log/truth.h"

#include <fmt/format.h>

#include <algorithm>

#include "log/test_entries.h"

namespace ledger::log {
namespace {

bool equal(const Truth::State& a, const Truth::State& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), same);
}

}  // namespace

uint64_t common(const Truth::State& a, const Truth::State& b) {
  const auto size = static_cast<ptrdiff_t>(std::min(a.size(), b.size()));
  return static_cast<uint64_t>(std::mismatch(a.begin(), a.begin() + size, b.begin(), same).first -
                               a.begin());
}

std::string describe(const Truth::State& state) {
  std::string text = fmt::format("{} entries, terms", state.size());
  uint64_t term = 0;
  for (const Entry& entry : state) {
    if (entry.term.value != term)
      text += fmt::format(" {}@{}", entry.term.value, entry.index.value);
    term = entry.term.value;
  }
  return text;
}

void Truth::append(const State& entries) {
  for (const Entry& entry : entries) {
    if (entry.index.value <= planned.size() && planned[entry.index.value - 1].term == entry.term) {
      continue;
    }
    planned.resize(entry.index.value - 1);
    planned.push_back(entry);
    queued.push_back(entry);
  }
}

void Truth::drained(State state, size_t count) {
  base = std::move(state);
  queued.erase(queued.begin(), queued.begin() + static_cast<ptrdiff_t>(count));
  voted();
}

void Truth::voted() {
  if (!queued_votes.empty()) vote = queued_votes.back();
  queued_votes.clear();
}

bool Truth::may_be(const State& state) const {
  State one = base;
  if (equal(one, state)) return true;
  for (const Entry& entry : queued) {
    if (entry.index.value <= one.size()) {
      one.resize(entry.index.value - 1);
      if (equal(one, state)) return true;
    }
    one.push_back(entry);
    if (equal(one, state)) return true;
  }
  return false;
}

std::string Truth::take_recovered(const Log& log) {
  const Result<State> found = log.read(Index(1), log.last_index() + 1, SIZE_MAX / 4);
  if (!found) return "after recovery: " + found.error().message;
  if (!may_be(*found)) {
    return fmt::format("recovered {}, durable {}, queued {}", describe(*found), describe(base),
                       describe(planned));
  }
  const Recovered& recovered = log.recovered();
  // The stored term is never below that of the last entry.
  const bool raised =
      recovered.vote == Vote{log.last_term(), MemberId()} && vote.term < log.last_term();
  if (recovered.vote != vote && !raised &&
      std::count(queued_votes.begin(), queued_votes.end(), recovered.vote) == 0) {
    return fmt::format("recovered a vote of term {}", recovered.vote.term.value);
  }
  // What is committed stands in the log that was recovered, not in one that it might have become.
  if (recovered.committed > committed || recovered.committed.value > common(*found, planned)) {
    return fmt::format("recovered {} as committed", recovered.committed.value);
  }
  std::string configuration;
  for (uint64_t i = 0; i < recovered.checkpoint.value; ++i) {
    if ((*found)[i].kind == EntryKind::membership) configuration = (*found)[i].bytes();
  }
  if (recovered.configuration != configuration) return "recovered another configuration";
  if (recovered.checkpoint > recovered.committed ||
      recovered.checkpoint.value + recovered.entries.size() != found->size()) {
    return "recovered entries do not reach from the checkpoint to the end";
  }
  base = planned = *found;
  queued.clear();
  vote = recovered.vote;
  queued_votes.clear();
  committed = std::min(committed, Index(base.size()));
  return {};
}

}  // namespace ledger::log
