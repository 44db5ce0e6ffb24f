// For tests: one member's engine, the others being the test.
#pragma once

#include <doctest/doctest.h>

#include "raft/guards.h"

namespace ledger::raft::testing {

constexpr MemberId a(1), b(2), c(3), d(4);

inline Member voter(MemberId id) {
  return {id, Standing::voter, "", ""};
}
inline Member standby(MemberId id) {
  return {id, Standing::standby, "", ""};
}
inline const Configuration three{{voter(a), voter(b), voter(c)}};

inline Entry entry(uint64_t index, uint64_t term) {
  Entry made;
  made.index = Index(index);
  made.term = Term(term);
  made.kind = EntryKind::records;
  made.record_count = 1;
  return made;
}

inline Entry change(uint64_t index, uint64_t term, const Configuration& configuration) {
  Entry made = entry(index, term);
  made.kind = EntryKind::membership;
  made.record_count = 0;
  made.payload = std::make_shared<const std::string>(configuration.encode());
  return made;
}

constexpr uint32_t without(Guard guard) {
  return 1u << static_cast<unsigned>(guard);
}

/// Member `a`, alone in the test's hands.
struct LoneMember {
  explicit LoneMember(uint32_t left_out = 0, const Configuration& founders = three,
                      std::vector<Entry> more = {}, Vote vote = {Term(1), {}}) {
    settings.guards_left_out = left_out;
    DurableState state;
    state.vote = vote;
    state.committed = Index(1);
    state.entries = {change(1, 1, founders)};
    for (Entry& one : more) state.entries.push_back(std::move(one));
    engine = make_engine(a, settings, 1);
    last = engine->start(now, state).value();
  }

  Update& step(Event event) { return last = engine->step(now, std::move(event)).value(); }
  template <class Body>
  Update& hear(MemberId from, uint64_t term, Body body) {
    return step(Received{
        {.from = from, .to = a, .term = Term(term), .version = 2, .body = std::move(body)}});
  }
  Update& hear_entries(MemberId from, uint64_t term, uint64_t previous, uint64_t previous_term,
                       std::vector<Entry> entries, uint64_t commit = 1) {
    const auto count = static_cast<uint32_t>(entries.size());
    return hear(from, term,
                AppendEntries{Index(previous), Term(previous_term), Index(commit), count,
                              std::move(entries)});
  }
  Update& sync(uint64_t index, uint64_t term) { return step(Synced{Index(index), Term(term)}); }

  /// Makes it the leader of the term after the present one, its first entry committed.
  void elect() {
    now = last.wake + std::chrono::seconds(1);
    step(Tick{});
    const Term term = last.term + 1;
    hear(b, term.value, RequestVoteResult{true, true});
    hear(b, term.value, RequestVoteResult{true, false});
    REQUIRE(last.role == Role::leader);
    const Entry first = last.append.at(0);
    sync(first.index.value, term.value);
    hear(b, term.value, AppendEntriesResult{Index(0), first.index});
    REQUIRE(last.committed == first.index);
  }

  template <class Body>
  std::vector<Body> sent() const {
    std::vector<Body> bodies;
    for (const Message& message : last.send) {
      if (const Body* body = std::get_if<Body>(&message.body)) bodies.push_back(*body);
    }
    return bodies;
  }

  Settings settings;
  Instant now{1'000'000'000'000};
  std::unique_ptr<Engine> engine;
  Update last;
};

}  // namespace ledger::raft::testing
