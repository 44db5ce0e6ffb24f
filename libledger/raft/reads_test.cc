// Linearizable reads through the engine: what a leader and a follower say to each other.
#include <set>

#include "raft/lone_member.h"

using namespace ledger;
using namespace ledger::raft;
using namespace ledger::raft::testing;
using namespace std::chrono_literals;

namespace {

/// Member a, which knows that b leads term 2.
LoneMember follower(uint32_t left_out = 0, const Configuration& founders = three) {
  LoneMember member(left_out, founders);
  member.hear_entries(b, 2, 1, 1, {});
  REQUIRE(member.last.leader == b);
  return member;
}

std::vector<uint64_t> asked(const LoneMember& member) {
  std::vector<uint64_t> rounds;
  for (const Message& message : member.last.send) {
    const auto* body = std::get_if<ReadIndexAsk>(&message.body);
    if (body == nullptr) continue;
    CHECK(message.to == member.last.leader);
    CHECK(message.term == member.last.term);
    rounds.push_back(body->round);
  }
  return rounds;
}

/// The answers that the member sends, as MEMBER^ROUND=INDEX in its words.
struct Answer {
  MemberId to;
  Term term;
  uint64_t round;
  Index index;

  friend bool operator==(const Answer&, const Answer&) = default;
};
std::vector<Answer> answers(const LoneMember& member) {
  std::vector<Answer> answers;
  for (const Message& message : member.last.send) {
    const auto* body = std::get_if<ReadIndexAnswer>(&message.body);
    if (body != nullptr) answers.push_back({message.to, message.term, body->round, body->index});
  }
  return answers;
}

uint64_t probed(const LoneMember& member) {
  const std::vector<ReadProbe> probes = member.sent<ReadProbe>();
  REQUIRE(!probes.empty());
  return probes.front().round;
}

using Tokens = std::vector<uint64_t>;
using Granted = std::vector<ReadGranted>;

}  // namespace

TEST_CASE("a follower asks its leader once for all reads that wait, and grants what it answers") {
  LoneMember member = follower();
  member.step(ReadAsked{1});
  REQUIRE(asked(member).size() == 1);
  const uint64_t first = asked(member).front();
  CHECK(member.last.wake <= member.now + member.settings.heartbeat);

  member.step(ReadAsked{2});  // The leader may have taken its index already.
  member.step(ReadAsked{3});
  CHECK(asked(member).empty());
  member.hear(b, 2, ReadIndexAnswer{first, Index(9)});
  CHECK(member.last.reads == Granted{{1, Index(9)}});
  REQUIRE(asked(member).size() == 1);
  const uint64_t second = asked(member).front();
  CHECK(second != first);

  member.hear(b, 2, ReadIndexAnswer{second, Index(12)});
  CHECK(member.last.reads == Granted{{2, Index(12)}, {3, Index(12)}});
  CHECK(asked(member).empty());
}

TEST_CASE("a standby asks too, and one that knows no leader refuses") {
  LoneMember standing = follower(0, {{standby(a), voter(b), voter(c)}});
  standing.step(ReadAsked{1});
  CHECK(asked(standing).size() == 1);

  LoneMember lost;
  CHECK(lost.step(ReadAsked{1}).refused == Refusal::not_leader);
  LoneMember candidate = follower();
  candidate.now = candidate.last.wake + 3s;
  candidate.step(Tick{});
  REQUIRE(candidate.last.role == Role::candidate);
  CHECK(candidate.step(ReadAsked{1}).refused == Refusal::not_leader);
}

TEST_CASE("an ask is repeated at the heartbeat interval and given up after an election timeout") {
  LoneMember member = follower();
  member.step(ReadAsked{1});
  const std::vector<uint64_t> round = asked(member);
  member.step(ReadAsked{2});
  const Instant until = member.now + member.settings.election_timeout;
  int repeated = 0;
  for (member.now = member.last.wake; member.now < until; member.now = member.last.wake) {
    member.hear_entries(b, 2, 1, 1, {});
    if (!asked(member).empty()) {
      CHECK(asked(member) == round);
      ++repeated;
    }
    CHECK(member.last.reads_lost.empty());
    CHECK(member.last.wake > member.now);
  }
  CHECK(repeated == 9);
  member.hear_entries(b, 2, 1, 1, {});
  CHECK(member.last.reads_lost == Tokens{1, 2});
  CHECK(asked(member).empty());
  member.hear(b, 2, ReadIndexAnswer{round.front(), Index(9)});
  CHECK(member.last.reads.empty());
  CHECK(asked(member).empty());
}

TEST_CASE("a follower's reads are lost with the leader, the term, or a refusal of the leader") {
  const auto waiting = [] {
    LoneMember member = follower();
    member.step(ReadAsked{1});
    member.step(ReadAsked{2});
    return member;
  };
  LoneMember deposed = waiting();
  deposed.hear_entries(c, 3, 1, 1, {});
  CHECK(deposed.last.reads_lost == Tokens{1, 2});
  CHECK(asked(deposed).empty());

  LoneMember silent = waiting();
  silent.now = silent.last.wake + 3s;
  CHECK(silent.step(Tick{}).reads_lost == Tokens{1, 2});

  LoneMember refused = waiting();
  const uint64_t round = 0;
  refused.hear(b, 2, ReadIndexAnswer{round, Index(0)});  // Of another ask.
  CHECK(refused.last.reads_lost.empty());
  refused.now = refused.now + refused.settings.heartbeat;
  refused.step(Tick{});
  refused.hear(b, 2, ReadIndexAnswer{asked(refused).front(), Index(0)});
  CHECK(refused.last.reads_lost == Tokens{1, 2});
  CHECK(asked(refused).empty());
}

TEST_CASE("an answer of another ask, term, member or life, or below what is known, is no answer") {
  LoneMember member = follower();
  member.hear_entries(b, 2, 1, 1, {entry(2, 2), entry(3, 2)}, 3);
  member.sync(3, 2);
  REQUIRE(member.last.committed == Index(3));
  member.step(ReadAsked{1});
  const uint64_t round = asked(member).front();
  const auto unheard = [&](MemberId from, uint64_t term, ReadIndexAnswer answer) {
    member.hear(from, term, answer);
    return member.last.reads.empty() && member.last.reads_lost.empty() && member.last.leader == b;
  };
  CHECK(unheard(b, 2, {round - 1, Index(9)}));
  CHECK(unheard(b, 2, {round + 1, Index(9)}));
  CHECK(unheard(b, 1, {round, Index(9)}));
  CHECK(unheard(b, 3, {round, Index(9)}));
  CHECK(unheard(c, 2, {round, Index(9)}));
  CHECK(unheard(c, 2, {round, Index(0)}));
  CHECK(unheard(b, 2, {round, Index(2)}));
  CHECK_FALSE(unheard(b, 2, {round, Index(3)}));
  CHECK(member.last.reads == Granted{{1, Index(3)}});
  CHECK(unheard(b, 2, {round, Index(3)}));
}

TEST_CASE("a member's rounds begin elsewhere in each life") {
  std::set<uint64_t> rounds;
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    DurableState state;
    state.vote.term = Term(1);
    state.committed = Index(1);
    state.entries = {change(1, 1, three)};
    const auto engine = make_engine(a, {}, seed);
    engine->start(Instant{1'000'000}, state).value();
    const Message beat{.from = b,
                       .to = a,
                       .term = Term(1),
                       .body = AppendEntries{Index(1), Term(1), Index(1), 0, {}}};
    engine->step(Instant{2'000'000}, Received{beat}).value();
    const Update update = engine->step(Instant{2'000'000}, ReadAsked{1}).value();
    rounds.insert(std::get<ReadIndexAsk>(update.send.at(0).body).round);
  }
  CHECK(rounds.size() == 100);
}

TEST_CASE("a leader answers others' asks and its own reads with one probe round") {
  LoneMember leader(0, {{voter(a), voter(b), voter(c), standby(d)}});
  leader.elect();
  leader.hear(b, 2, ReadIndexAsk{70});
  const uint64_t round = probed(leader);
  CHECK(leader.sent<ReadProbe>().size() == 2);
  leader.hear(b, 2, ReadIndexAsk{70});  // Repeated.
  leader.hear(d, 2, ReadIndexAsk{5});
  leader.step(ReadAsked{1});
  CHECK(answers(leader).empty());

  leader.hear(c, 2, ReadProbeResult{round});
  CHECK(answers(leader) == std::vector<Answer>{{b, Term(2), 70, Index(2)}});
  CHECK(leader.last.reads.empty());
  leader.hear(c, 2, ReadProbeResult{probed(leader)});
  CHECK(answers(leader) == std::vector<Answer>{{d, Term(2), 5, Index(2)}});
  CHECK(leader.last.reads == Granted{{1, Index(2)}});
}

TEST_CASE("a sole voter answers a standby at once") {
  LoneMember leader(0, {{voter(a), standby(d)}});
  leader.sync(2, 2);
  REQUIRE(leader.last.role == Role::leader);
  leader.hear(d, 2, ReadIndexAsk{5});
  CHECK(answers(leader) == std::vector<Answer>{{d, Term(2), 5, Index(2)}});
}

TEST_CASE("a new leader lets others' asks wait for its first commit") {
  LoneMember leader;
  leader.now = leader.last.wake + 1s;
  leader.step(Tick{});
  leader.hear(b, 2, RequestVoteResult{true, true});
  leader.hear(b, 2, RequestVoteResult{true, false});
  REQUIRE(leader.last.role == Role::leader);
  CHECK(leader.step(ReadAsked{1}).refused == Refusal::unsettled);
  leader.hear(b, 2, ReadIndexAsk{70});
  CHECK(leader.sent<ReadProbe>().empty());
  leader.sync(2, 2);
  leader.hear(b, 2, AppendEntriesResult{Index(0), Index(2)});
  REQUIRE(leader.last.committed == Index(2));
  leader.hear(c, 2, ReadProbeResult{probed(leader)});
  CHECK(answers(leader) == std::vector<Answer>{{b, Term(2), 70, Index(2)}});
}

TEST_CASE(
    "who does not lead in the term of an ask refuses it, and a leader that ends refuses all") {
  LoneMember member = follower();
  member.hear(c, 2, ReadIndexAsk{70});
  CHECK(answers(member) == std::vector<Answer>{{c, Term(2), 70, Index(0)}});
  member.hear(c, 1, ReadIndexAsk{71});
  CHECK(answers(member) == std::vector<Answer>{{c, Term(1), 71, Index(0)}});
  member.hear(c, 3, ReadIndexAsk{72});
  CHECK(answers(member).empty());
  CHECK(member.last.term == Term(2));

  LoneMember leader;
  leader.elect();
  leader.hear(d, 2, ReadIndexAsk{7});  // No member.
  CHECK(answers(leader) == std::vector<Answer>{{d, Term(2), 7, Index(0)}});
  leader.hear(b, 2, ReadIndexAsk{70});
  leader.hear(c, 2, ReadIndexAsk{80});
  leader.step(ReadAsked{1});
  leader.hear_entries(c, 3, 1, 1, {});
  CHECK(leader.last.reads_lost == Tokens{1});
  CHECK(answers(leader) ==
        std::vector<Answer>{{b, Term(2), 70, Index(0)}, {c, Term(2), 80, Index(0)}});
}

TEST_CASE("rule 13: a follower's own commit index is no read index") {
  LoneMember careless = follower(without(Guard::read_asks_leader));
  CHECK(careless.step(ReadAsked{1}).reads == Granted{{1, Index(1)}});
}

TEST_CASE("rule 14: a leader grants nothing before a majority has answered") {
  for (const bool guarded : {true, false}) {
    LoneMember leader(guarded ? 0 : without(Guard::read_probes));
    leader.elect();
    CHECK(leader.step(ReadAsked{1}).reads.empty() == guarded);
  }
}

TEST_CASE("rule 15: a leader's commit index may be old until it has committed in its term") {
  for (const bool guarded : {true, false}) {
    // Entries 2 and 3 may be acknowledged, which the new leader does not know yet.
    LoneMember leader(guarded ? 0 : without(Guard::read_after_own_commit), three,
                      {entry(2, 1), entry(3, 1)});
    leader.now = leader.last.wake + 1s;
    leader.step(Tick{});
    leader.hear(b, 2, RequestVoteResult{true, true});
    leader.hear(b, 2, RequestVoteResult{true, false});
    leader.hear(b, 2, ReadIndexAsk{70});
    CHECK(leader.sent<ReadProbe>().empty() == guarded);
    if (guarded) continue;
    leader.hear(c, 2, ReadProbeResult{probed(leader)});
    CHECK(answers(leader) == std::vector<Answer>{{b, Term(2), 70, Index(1)}});
  }
}

TEST_CASE("rule 16: a late answer to an earlier ask grants nothing") {
  for (const bool guarded : {true, false}) {
    LoneMember member = follower(guarded ? 0 : without(Guard::read_answers_its_ask));
    member.step(ReadAsked{1});
    const uint64_t round = asked(member).front();
    member.hear(b, 2, ReadIndexAnswer{round, Index(5)});
    member.step(ReadAsked{2});
    member.hear(b, 2, ReadIndexAnswer{round, Index(5)});  // The network's copy.
    CHECK(member.last.reads.empty() == guarded);
  }
}
