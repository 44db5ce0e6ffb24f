// What the library does without each guard, and that it does not with it.
#include "raft/guards.h"

#include <doctest/doctest.h>

#include "raft/libraft_engine.h"

using namespace ledger;
using namespace ledger::raft;
using namespace std::chrono_literals;

namespace {

constexpr MemberId a(1), b(2), c(3), d(4);

Member voter(MemberId id) {
  return {id, Standing::voter, "", ""};
}
Member standby(MemberId id) {
  return {id, Standing::standby, "", ""};
}
const Configuration three{{voter(a), voter(b), voter(c)}};

Entry entry(uint64_t index, uint64_t term) {
  Entry made;
  made.index = Index(index);
  made.term = Term(term);
  made.kind = EntryKind::records;
  made.record_count = 1;
  return made;
}

Entry change(uint64_t index, uint64_t term, const Configuration& configuration) {
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
struct Bench {
  explicit Bench(uint32_t left_out = 0, const Configuration& founders = three,
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
    now = last.wake + 1s;
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

/// Leaves something on the stack that nobody can mistake for a position in a log.
[[gnu::noinline]] void poison_stack() {
  volatile uint64_t below[4096];
  for (auto& word : below) word = 0xa5a5'a5a5'a5a5'a5a5;
}

}  // namespace

TEST_CASE("guard 1: one that became the sole voter as a follower leads in a new term") {
  // Its own change made it the sole voter; before it was committed, b had a higher term.
  const auto lone = [](uint32_t left_out) {
    return Bench(left_out, {{voter(a), voter(b)}}, {change(2, 1, {{voter(a), standby(b)}})},
                 {Term(7), {}});
  };
  // At start, whatever the term was:
  CHECK(lone(0).last.vote == Vote{Term(8), a});
  CHECK(lone(without(Guard::sole_voter_new_term)).last.term == Term(7));
}

TEST_CASE("guard 1: a hand-over to a sole voter waits for its own new term") {
  for (const bool guarded : {true, false}) {
    Bench bench(guarded ? 0 : without(Guard::sole_voter_new_term), {{voter(a), voter(b)}});
    // b leads term 3 and, against guard 7, leaves a as the sole voter, then hands over.
    bench.hear_entries(b, 3, 1, 1, {change(2, 3, {{voter(a), standby(b)}})});
    bench.sync(2, 3);
    bench.hear(b, 3, TimeoutNow{Index(2), Term(3)});
    CHECK(bench.last.role == (guarded ? Role::follower : Role::leader));
    CHECK(bench.last.term == Term(3));
    if (!guarded) continue;
    bench.now = bench.last.wake;
    bench.step(Tick{});
    CHECK(bench.last.role == Role::leader);
    CHECK(bench.last.vote == Vote{Term(4), a});
  }
}

TEST_CASE("guard 2: a truncation between an entry and a change takes the change back") {
  const Configuration four{{voter(a), voter(b), voter(c), standby(d)}};
  Bench bench;
  bench.hear_entries(b, 2, 1, 1, {entry(2, 2), change(3, 2, four), entry(4, 2)});
  CHECK(bench.last.append.size() == 3);
  CHECK(bench.engine->configuration() == four);
  bench.sync(4, 2);
  bench.hear_entries(c, 3, 2, 2, {entry(3, 3)});
  CHECK(bench.engine->configuration() == three);

  Bench bare(without(Guard::change_first_in_batch));
  Message message{.from = b, .to = a, .term = Term(2), .body = AppendEntries{}};
  message.body = AppendEntries{Index(1), Term(1), Index(1), 2, {entry(2, 2), change(3, 2, four)}};
  CHECK(bare.engine->step(bare.now, Received{message}).error().code == Code::internal);
}

TEST_CASE("guard 3: a leader changes nothing before an entry of its term is committed") {
  for (const bool guarded : {true, false}) {
    Bench bench(guarded ? 0 : without(Guard::change_after_own_commit));
    bench.now = bench.last.wake + 1s;
    bench.step(Tick{});
    bench.hear(b, 2, RequestVoteResult{true, true});
    bench.hear(b, 2, RequestVoteResult{true, false});
    REQUIRE(bench.last.role == Role::leader);
    bench.step(Proposed{{change(0, 0, {{voter(a), voter(b)}})}});
    CHECK(bench.last.refused == (guarded ? Refusal::unsettled : Refusal::none));
    if (!guarded) continue;
    bench.sync(2, 2);
    bench.hear(b, 2, AppendEntriesResult{Index(0), Index(2)});
    bench.step(Proposed{{change(0, 0, {{voter(a), voter(b)}})}});
    CHECK(bench.last.refused == Refusal::none);
  }
}

TEST_CASE("guard 4: a late duplicate from before the checkpoint changes nothing") {
  for (const bool guarded : {true, false}) {
    Settings settings;
    if (!guarded) settings.guards_left_out = without(Guard::drop_committed_part);
    DurableState state;
    state.vote.term = Term(2);
    state.committed = Index(5);
    state.checkpoint = Index(5);
    state.checkpoint_term = Term(2);
    state.configuration = three;
    state.configuration_index = Index(1);
    const auto engine = make_engine(a, settings, 1);
    engine->start(Instant{1'000'000'000}, state).value();
    const Message late{
        .from = b,
        .to = a,
        .term = Term(2),
        .body = AppendEntries{Index(1), Term(1), Index(1), 2, {entry(2, 2), entry(3, 2)}}};
    const Result<Update> update = engine->step(Instant{1'000'000'000}, Received{late});
    CHECK(update.has_value() == guarded);
    if (!guarded) continue;
    CHECK(update->append.empty());
    const auto& answer = std::get<AppendEntriesResult>(update->send.at(0).body);
    CHECK(answer.rejected == Index(0));
    CHECK(answer.last_index == Index(5));
  }
}

TEST_CASE("guard 5: one that has not seen its promotion votes, once a term") {
  const Configuration before{{standby(a), voter(b), voter(c)}};
  for (const bool guarded : {true, false}) {
    Bench bench(guarded ? 0 : without(Guard::non_voter_votes), before);
    bench.hear(b, 4, RequestVote{Index(2), Term(3), false, true});
    CHECK(bench.sent<RequestVoteResult>().at(0).granted == guarded);
    CHECK_FALSE(bench.last.vote);
    bench.hear(b, 4, RequestVote{Index(2), Term(3), false, false});
    CHECK(bench.sent<RequestVoteResult>().at(0).granted == guarded);
    if (!guarded) continue;
    CHECK(bench.last.vote == Vote{Term(4), b});
    CHECK(bench.last.term == Term(4));
    bench.hear(c, 4, RequestVote{Index(9), Term(3), false, false});
    CHECK_FALSE(bench.sent<RequestVoteResult>().at(0).granted);
    CHECK_FALSE(bench.last.vote);
    bench.hear(b, 4, RequestVote{Index(2), Term(3), false, false});
    CHECK(bench.sent<RequestVoteResult>().at(0).granted);
  }
}

TEST_CASE(
    "guard 5: one that is no voter refuses a log shorter than its own, and while it hears a "
    "leader") {
  Bench bench(0, {{standby(a), voter(b), voter(c)}}, {entry(2, 2)}, {Term(2), {}});
  bench.hear(b, 4, RequestVote{Index(9), Term(1), false, false});
  CHECK_FALSE(bench.sent<RequestVoteResult>().at(0).granted);
  bench.hear_entries(c, 3, 2, 2, {});
  bench.hear(b, 4, RequestVote{Index(9), Term(3), false, false});
  CHECK_FALSE(bench.sent<RequestVoteResult>().at(0).granted);
  bench.hear(b, 4, RequestVote{Index(9), Term(3), true, false});  // The leader told it to.
  CHECK(bench.sent<RequestVoteResult>().at(0).granted);
}

TEST_CASE("guard 6: a refused pre-vote tells a higher term") {
  for (const bool guarded : {true, false}) {
    Bench bench(guarded ? 0 : without(Guard::refusal_tells_term), three, {}, {Term(9), {}});
    bench.hear(b, 3, RequestVote{Index(5), Term(2), false, true});
    CHECK_FALSE(bench.sent<RequestVoteResult>().at(0).granted);
    CHECK(bench.last.send.at(0).term == Term(guarded ? 9 : 3));
  }
}

TEST_CASE("guard 7: a leader takes no change that leaves it out") {
  for (const bool guarded : {true, false}) {
    for (const Configuration& next :
         {Configuration{{voter(b), voter(c)}}, Configuration{{standby(a), voter(b), voter(c)}}}) {
      Bench bench(guarded ? 0 : without(Guard::leader_stays));
      bench.elect();
      bench.step(Proposed{{change(0, 0, next)}});
      CHECK(bench.last.refused == (guarded ? Refusal::removes_leader : Refusal::none));
    }
  }
}

TEST_CASE("guard 8: a rejection's last index is below what it rejects") {
  for (const bool guarded : {true, false}) {
    // Guard 10 answers before the library does, so it is left out here.
    const uint32_t left_out =
        without(Guard::answer_lower_term) | (guarded ? 0 : without(Guard::clamp_rejection));
    Bench bench(left_out, three, {}, {Term(9), {}});
    poison_stack();
    bench.hear_entries(b, 3, 5, 2, {});
    const AppendEntriesResult answer = bench.sent<AppendEntriesResult>().at(0);
    CHECK(answer.rejected == Index(5));
    if (guarded) CHECK(answer.last_index < Index(5));
  }
  AppendEntriesResult garbage{Index(5), Index(0xa5a5a5a5a5a5a5a5)};
  clamp_rejection(garbage);
  CHECK(garbage.last_index == Index(4));
  AppendEntriesResult success{Index(0), Index(7)};
  clamp_rejection(success);
  CHECK(success.last_index == Index(7));
}

TEST_CASE("guard 9: see the tests of the engine's start") {
  Settings settings;
  settings.guards_left_out = without(Guard::checkpoint_committed);
  DurableState state;
  state.vote.term = Term(2);
  state.committed = Index(1);
  state.checkpoint = Index(5);
  state.checkpoint_term = Term(2);
  state.configuration = three;
  state.configuration_index = Index(1);
  // What a leader may still cut counts as committed.
  CHECK(make_engine(a, settings, 1)->start(Instant{1}, state).value().committed == Index(5));
  CHECK_FALSE(make_engine(a, {}, 1)->start(Instant{1}, state));
}

TEST_CASE("guard 10: an order of a lower term is dropped, and entries of one are rejected") {
  const InstallSnapshot order{Index(8), Term(2), Index(1), three};
  Bench bench(0, three, {}, {Term(9), {}});
  CHECK(bench.hear(b, 3, order).send.empty());
  bench.hear_entries(b, 3, 0, 0, {});
  const AppendEntriesResult answer = bench.sent<AppendEntriesResult>().at(0);
  CHECK(answer.rejected == Index(1));
  CHECK(answer.last_index == Index(0));
  CHECK(bench.last.send[0].term == Term(9));

  // The library says yes to it, in the present term.
  Bench bare(without(Guard::answer_lower_term), three, {}, {Term(9), {}});
  bare.hear(b, 3, order);
  CHECK(bare.sent<AppendEntriesResult>().at(0).rejected == Index(0));
  CHECK(bare.last.send[0].term == Term(9));
}

TEST_CASE("guard 10: a leader believes any success in its term, up to its own end") {
  Bench bench;
  bench.elect();
  bench.step(Proposed{{entry(0, 0)}});
  bench.sync(3, 2);
  REQUIRE(bench.last.committed == Index(2));
  // What the library would have answered on behalf of c, which holds nothing.
  bench.hear(c, 2, AppendEntriesResult{Index(0), Index(0xa5a5a5a5a5a5a5a5)});
  CHECK(bench.last.committed == Index(3));
}

TEST_CASE("guard 11: a late rejection does not cut a follower off from new entries") {
  for (const bool guarded : {true, false}) {
    Bench bench(guarded ? 0 : without(Guard::late_rejection));
    bench.elect();
    // b answers to nothing for a while, so the leader probes it.
    for (int beat = 0; beat < 4; ++beat) {
      bench.now = bench.last.wake;
      bench.step(Tick{});
      bench.hear(c, 2, AppendEntriesResult{Index(0), Index(2)});
    }
    REQUIRE(bench.last.role == Role::leader);
    // Now comes a rejection from before it held entry 2.
    bench.hear(b, 2, AppendEntriesResult{Index(2), Index(0)});
    bench.step(Proposed{{entry(0, 0)}});
    size_t offered = 0;
    for (int beat = 0; beat < 5; ++beat) {
      bench.now = bench.last.wake;
      bench.step(Tick{});
      for (const Message& message : bench.last.send) {
        const auto* body = std::get_if<AppendEntries>(&message.body);
        if (message.to == b && body != nullptr) offered += body->count;
      }
      bench.hear(c, 2, AppendEntriesResult{Index(0), Index(3)});
    }
    CHECK((offered > 0) == guarded);
  }
}

TEST_CASE("guard 12: a voter is told of its demotion when it is committed, not before") {
  for (const bool guarded : {true, false}) {
    Bench bench(guarded ? 0 : without(Guard::withhold_demotion), {{voter(a), voter(b)}});
    bench.elect();
    const Configuration lone{{voter(a), standby(b)}};
    bench.step(Proposed{{change(0, 0, lone)}});
    REQUIRE(bench.last.refused == Refusal::none);
    for (const AppendEntries& body : bench.sent<AppendEntries>()) {
      CHECK((body.count == 0) == guarded);
    }
    bench.sync(3, 2);
    CHECK(bench.last.committed == Index(3));
  }
}
