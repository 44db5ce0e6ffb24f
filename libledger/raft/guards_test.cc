// What the library does without each guard, and that it does not with it.
#include "raft/guards.h"

#include <doctest/doctest.h>

#include "raft/lone_member.h"

using namespace ledger;
using namespace ledger::raft;
using namespace ledger::raft::testing;
using namespace std::chrono_literals;

namespace {

/// Leaves something on the stack that nobody can mistake for a position in a log.
[[gnu::noinline]] void poison_stack() {
  volatile uint64_t below[4096];
  for (auto& word : below) word = 0xa5a5'a5a5'a5a5'a5a5;
}

}  // namespace

TEST_CASE("guard 1: one that became the sole voter as a follower leads in a new term") {
  // Its own change made it the sole voter; before it was committed, b had a higher term.
  const auto lone = [](uint32_t left_out) {
    return LoneMember(left_out, {{voter(a), voter(b)}}, {change(2, 1, {{voter(a), standby(b)}})},
                      {Term(7), {}});
  };
  // At start, whatever the term was:
  CHECK(lone(0).last.vote == Vote{Term(8), a});
  CHECK(lone(without(Guard::sole_voter_new_term)).last.term == Term(7));
}

TEST_CASE("guard 1: a hand-over to a sole voter waits for its own new term") {
  for (const bool guarded : {true, false}) {
    LoneMember member(guarded ? 0 : without(Guard::sole_voter_new_term), {{voter(a), voter(b)}});
    // b leads term 3 and, against guard 7, leaves a as the sole voter, then hands over.
    member.hear_entries(b, 3, 1, 1, {change(2, 3, {{voter(a), standby(b)}})});
    member.sync(2, 3);
    member.hear(b, 3, TimeoutNow{Index(2), Term(3)});
    CHECK(member.last.role == (guarded ? Role::follower : Role::leader));
    CHECK(member.last.term == Term(3));
    if (!guarded) continue;
    member.now = member.last.wake;
    member.step(Tick{});
    CHECK(member.last.role == Role::leader);
    CHECK(member.last.vote == Vote{Term(4), a});
  }
}

TEST_CASE("guard 2: a truncation between an entry and a change takes the change back") {
  const Configuration four{{voter(a), voter(b), voter(c), standby(d)}};
  LoneMember member;
  member.hear_entries(b, 2, 1, 1, {entry(2, 2), change(3, 2, four), entry(4, 2)});
  CHECK(member.last.append.size() == 3);
  CHECK(member.engine->configuration() == four);
  member.sync(4, 2);
  member.hear_entries(c, 3, 2, 2, {entry(3, 3)});
  CHECK(member.engine->configuration() == three);

  LoneMember bare(without(Guard::change_first_in_batch));
  Message message{.from = b, .to = a, .term = Term(2), .body = AppendEntries{}};
  message.body = AppendEntries{Index(1), Term(1), Index(1), 2, {entry(2, 2), change(3, 2, four)}};
  CHECK(bare.engine->step(bare.now, Received{message}).error().code == Code::internal);
}

TEST_CASE("guard 3: a leader changes nothing before an entry of its term is committed") {
  for (const bool guarded : {true, false}) {
    LoneMember member(guarded ? 0 : without(Guard::change_after_own_commit));
    member.now = member.last.wake + 1s;
    member.step(Tick{});
    member.hear(b, 2, RequestVoteResult{true, true});
    member.hear(b, 2, RequestVoteResult{true, false});
    REQUIRE(member.last.role == Role::leader);
    member.step(Proposed{{change(0, 0, {{voter(a), voter(b)}})}});
    CHECK(member.last.refused == (guarded ? Refusal::unsettled : Refusal::none));
    if (!guarded) continue;
    member.sync(2, 2);
    member.hear(b, 2, AppendEntriesResult{Index(0), Index(2)});
    member.step(Proposed{{change(0, 0, {{voter(a), voter(b)}})}});
    CHECK(member.last.refused == Refusal::none);
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
    LoneMember member(guarded ? 0 : without(Guard::non_voter_votes), before);
    member.hear(b, 4, RequestVote{Index(2), Term(3), false, true});
    CHECK(member.sent<RequestVoteResult>().at(0).granted == guarded);
    CHECK_FALSE(member.last.vote);
    member.hear(b, 4, RequestVote{Index(2), Term(3), false, false});
    CHECK(member.sent<RequestVoteResult>().at(0).granted == guarded);
    if (!guarded) continue;
    CHECK(member.last.vote == Vote{Term(4), b});
    CHECK(member.last.term == Term(4));
    member.hear(c, 4, RequestVote{Index(9), Term(3), false, false});
    CHECK_FALSE(member.sent<RequestVoteResult>().at(0).granted);
    CHECK_FALSE(member.last.vote);
    member.hear(b, 4, RequestVote{Index(2), Term(3), false, false});
    CHECK(member.sent<RequestVoteResult>().at(0).granted);
  }
}

TEST_CASE(
    "guard 5: one that is no voter refuses a log shorter than its own, and while it hears a "
    "leader") {
  LoneMember member(0, {{standby(a), voter(b), voter(c)}}, {entry(2, 2)}, {Term(2), {}});
  member.hear(b, 4, RequestVote{Index(9), Term(1), false, false});
  CHECK_FALSE(member.sent<RequestVoteResult>().at(0).granted);
  member.hear_entries(c, 3, 2, 2, {});
  member.hear(b, 4, RequestVote{Index(9), Term(3), false, false});
  CHECK_FALSE(member.sent<RequestVoteResult>().at(0).granted);
  member.hear(b, 4, RequestVote{Index(9), Term(3), true, false});  // The leader told it to.
  CHECK(member.sent<RequestVoteResult>().at(0).granted);
}

TEST_CASE("guard 6: a refused pre-vote tells a higher term") {
  for (const bool guarded : {true, false}) {
    LoneMember member(guarded ? 0 : without(Guard::refusal_tells_term), three, {}, {Term(9), {}});
    member.hear(b, 3, RequestVote{Index(5), Term(2), false, true});
    CHECK_FALSE(member.sent<RequestVoteResult>().at(0).granted);
    CHECK(member.last.send.at(0).term == Term(guarded ? 9 : 3));
  }
}

TEST_CASE("guard 7: a leader takes no change that leaves it out") {
  for (const bool guarded : {true, false}) {
    for (const Configuration& next :
         {Configuration{{voter(b), voter(c)}}, Configuration{{standby(a), voter(b), voter(c)}}}) {
      LoneMember member(guarded ? 0 : without(Guard::leader_stays));
      member.elect();
      member.step(Proposed{{change(0, 0, next)}});
      CHECK(member.last.refused == (guarded ? Refusal::removes_leader : Refusal::none));
    }
  }
}

TEST_CASE("guard 8: a rejection's last index is below what it rejects") {
  for (const bool guarded : {true, false}) {
    // Guard 10 answers before the library does, so it is left out here.
    const uint32_t left_out =
        without(Guard::answer_lower_term) | (guarded ? 0 : without(Guard::clamp_rejection));
    LoneMember member(left_out, three, {}, {Term(9), {}});
    poison_stack();
    member.hear_entries(b, 3, 5, 2, {});
    const AppendEntriesResult answer = member.sent<AppendEntriesResult>().at(0);
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
  LoneMember member(0, three, {}, {Term(9), {}});
  CHECK(member.hear(b, 3, order).send.empty());
  member.hear_entries(b, 3, 0, 0, {});
  const AppendEntriesResult answer = member.sent<AppendEntriesResult>().at(0);
  CHECK(answer.rejected == Index(1));
  CHECK(answer.last_index == Index(0));
  CHECK(member.last.send[0].term == Term(9));

  // The library says yes to it, in the present term.
  LoneMember bare(without(Guard::answer_lower_term), three, {}, {Term(9), {}});
  bare.hear(b, 3, order);
  CHECK(bare.sent<AppendEntriesResult>().at(0).rejected == Index(0));
  CHECK(bare.last.send[0].term == Term(9));
}

TEST_CASE("guard 10: a leader believes any success in its term, up to its own end") {
  LoneMember member;
  member.elect();
  member.step(Proposed{{entry(0, 0)}});
  member.sync(3, 2);
  REQUIRE(member.last.committed == Index(2));
  // What the library would have answered on behalf of c, which holds nothing.
  member.hear(c, 2, AppendEntriesResult{Index(0), Index(0xa5a5a5a5a5a5a5a5)});
  CHECK(member.last.committed == Index(3));
}

TEST_CASE("guard 11: a late rejection does not cut a follower off from new entries") {
  for (const bool guarded : {true, false}) {
    LoneMember member(guarded ? 0 : without(Guard::late_rejection));
    member.elect();
    // b answers to nothing for a while, so the leader probes it.
    for (int beat = 0; beat < 4; ++beat) {
      member.now = member.last.wake;
      member.step(Tick{});
      member.hear(c, 2, AppendEntriesResult{Index(0), Index(2)});
    }
    REQUIRE(member.last.role == Role::leader);
    // Now comes a rejection from before it held entry 2.
    member.hear(b, 2, AppendEntriesResult{Index(2), Index(0)});
    member.step(Proposed{{entry(0, 0)}});
    size_t offered = 0;
    for (int beat = 0; beat < 5; ++beat) {
      member.now = member.last.wake;
      member.step(Tick{});
      for (const Message& message : member.last.send) {
        const auto* body = std::get_if<AppendEntries>(&message.body);
        if (message.to == b && body != nullptr) offered += body->count;
      }
      member.hear(c, 2, AppendEntriesResult{Index(0), Index(3)});
    }
    CHECK((offered > 0) == guarded);
  }
}

TEST_CASE("guard 12: a voter is told of its demotion when it is committed, not before") {
  for (const bool guarded : {true, false}) {
    LoneMember member(guarded ? 0 : without(Guard::withhold_demotion), {{voter(a), voter(b)}});
    member.elect();
    const Configuration lone{{voter(a), standby(b)}};
    member.step(Proposed{{change(0, 0, lone)}});
    REQUIRE(member.last.refused == Refusal::none);
    for (const AppendEntries& body : member.sent<AppendEntries>()) {
      CHECK((body.count == 0) == guarded);
    }
    member.sync(3, 2);
    CHECK(member.last.committed == Index(3));
  }
}
