#include "raft/libraft_engine.h"

#include <doctest/doctest.h>

using namespace ledger;
using namespace ledger::raft;
using namespace std::chrono_literals;

namespace {

constexpr MemberId self(0xa1);

Entry membership(Index index, Term term, const Configuration& configuration) {
  Entry entry;
  entry.index = index;
  entry.term = term;
  entry.kind = EntryKind::membership;
  entry.payload = std::make_shared<const std::string>(configuration.encode());
  return entry;
}

Entry records(std::string payload) {
  Entry entry;
  entry.kind = EntryKind::records;
  entry.record_count = 1;
  entry.payload = std::make_shared<const std::string>(std::move(payload));
  return entry;
}

Member voter(MemberId id) {
  return {id, Standing::voter, "", ""};
}
Member standby(MemberId id) {
  return {id, Standing::standby, "", ""};
}

/// One engine, its disk and its clock; keeps what a careful caller keeps.
struct Node {
  explicit Node(const Configuration& founders, Settings with = {}) : settings(with) {
    disk.push_back(membership(Index(1), Term(1), founders));
    vote.term = Term(1);
  }

  /// What a restart finds: of the log what is synced, all of it stored as committed or none.
  Update start() {
    disk.resize(synced.value);
    engine = make_engine(self, settings, 7);
    const DurableState state{.vote = vote,
                             .committed = committed,
                             .checkpoint = {},
                             .checkpoint_term = {},
                             .configuration = {},
                             .configuration_index = {},
                             .entries = disk};
    return keep(engine->start(now, state).value());
  }

  Update step(Event event) { return keep(engine->step(now, std::move(event)).value()); }

  Update keep(Update update) {
    if (update.vote) vote = *update.vote;
    if (!update.append.empty()) disk.resize(update.append.front().index.value - 1);
    for (const Entry& entry : update.append) disk.push_back(entry);
    CHECK(update.wake >= now + 1ms);
    return update;
  }

  Update sync() {
    synced = disk.back().index;
    return step(Synced{synced, disk.back().term});
  }

  Settings settings;
  Instant now{5'000'000'000};
  std::vector<Entry> disk;
  Index synced{1};
  Index committed{1};
  Vote vote;
  std::unique_ptr<Engine> engine;
};

const Configuration alone{{voter(self)}};
const Configuration pair{{voter(self), voter(MemberId(0xb2))}};

}  // namespace

TEST_CASE("one voter leads at once, in a new term that it wants made durable first") {
  Node node(alone);
  const Update update = node.start();
  CHECK(update.vote == Vote{Term(2), self});
  CHECK(update.role == Role::leader);
  CHECK(update.term == Term(2));
  CHECK(update.leader == self);
  CHECK(update.committed == Index(1));
  REQUIRE(update.append.size() == 1);
  CHECK(update.append[0].index == Index(2));
  CHECK(update.append[0].term == Term(2));
  CHECK(update.append[0].kind == EntryKind::noop);
  CHECK(update.send.empty());
}

TEST_CASE("without guard 1 one voter leads in the term it is in") {
  Node node(alone, {.guards_left_out = 1 << 1});
  const Update update = node.start();
  CHECK_FALSE(update.vote);
  CHECK(update.term == Term(1));
}

TEST_CASE("one voter commits what is synced, and nothing before") {
  Node node(alone);
  node.start();
  CHECK(node.sync().committed == Index(2));

  const Update proposed = node.step(Proposed{{records("a"), records("b")}});
  CHECK(proposed.refused == Refusal::none);
  REQUIRE(proposed.append.size() == 2);
  CHECK(proposed.append[0].index == Index(3));
  CHECK(proposed.append[1].index == Index(4));
  CHECK(proposed.append[1].term == Term(2));
  CHECK(proposed.append[1].bytes() == "b");
  CHECK(proposed.committed == Index(2));
  CHECK(node.step(Tick{}).committed == Index(2));

  CHECK(node.step(Synced{Index(3), Term(2)}).committed == Index(3));
  CHECK(node.step(Synced{Index(4), Term(2)}).committed == Index(4));
}

TEST_CASE("a Synced that is late, of another term or ahead of the log does nothing") {
  Node node(alone);
  node.start();
  node.step(Proposed{{records("a")}});
  for (const Synced stale : {Synced{Index(1), Term(1)}, Synced{Index(2), Term(1)},
                             Synced{Index(0), Term(0)}, Synced{Index(9), Term(2)}}) {
    const Update update = node.step(stale);
    CHECK(update.committed == Index(1));
    CHECK(update.append.empty());
  }
  CHECK(node.step(Synced{Index(3), Term(2)}).committed == Index(3));
  CHECK(node.step(Synced{Index(3), Term(2)}).committed == Index(3));
}

TEST_CASE("one voter never leads twice in a term, whatever a crash takes away") {
  Node node(alone);
  Term last;
  for (int life = 0; life < 20; ++life) {
    const Update update = node.start();
    CHECK(update.role == Role::leader);
    CHECK(update.term > last);
    CHECK(update.vote == Vote{update.term, self});
    last = update.term;
    if (life % 3 == 0) continue;  // The first entry is lost.
    node.sync();
    node.step(Proposed{{records("x")}});
    if (life % 3 == 1) node.sync();
  }
}

TEST_CASE(
    "one voter keeps all its synced entries through a restart, though none is stored as "
    "committed") {
  Node node(alone);
  node.start();
  node.step(Proposed{{records("a")}});
  node.sync();
  node.committed = Index(1);
  const Update update = node.start();
  CHECK(update.committed == Index(3));
  CHECK(update.append[0].index == Index(4));
}

TEST_CASE("one voter goes on leading while nothing happens") {
  Node node(alone);
  Update update = node.start();
  node.sync();
  for (int turn = 0; turn < 100; ++turn) {
    node.now = update.wake;
    update = node.step(Tick{});
    CHECK(update.role == Role::leader);
    CHECK(update.term == Term(2));
    CHECK(update.append.empty());
  }
}

TEST_CASE("a checkpoint above the stored committed index is refused") {
  Node node(alone);
  node.start();
  node.sync();
  const DurableState state{.vote = node.vote,
                           .committed = Index(1),
                           .checkpoint = Index(2),
                           .checkpoint_term = Term(2),
                           .configuration = alone,
                           .configuration_index = Index(1),
                           .entries = {}};
  CHECK(make_engine(self, {}, 7)->start(node.now, state).error().code == Code::internal);
  DurableState committed = state;
  committed.committed = Index(2);
  CHECK(make_engine(self, {}, 7)->start(node.now, committed).value().term == Term(3));
}

TEST_CASE("a state that no log can have is refused") {
  const DurableState empty;
  CHECK(make_engine(self, {}, 7)->start(Instant{1}, empty).value().role == Role::follower);

  DurableState gap;
  gap.vote.term = Term(1);
  gap.entries = {membership(Index(2), Term(1), alone)};
  CHECK_FALSE(make_engine(self, {}, 7)->start(Instant{1}, gap));

  DurableState headless;
  headless.vote.term = Term(1);
  headless.entries = {records("a")};
  headless.entries[0].index = Index(1);
  headless.entries[0].term = Term(1);
  CHECK_FALSE(make_engine(self, {}, 7)->start(Instant{1}, headless));

  DurableState falling;
  falling.vote.term = Term(3);
  falling.entries = {membership(Index(1), Term(3), alone), membership(Index(2), Term(2), alone)};
  CHECK_FALSE(make_engine(self, {}, 7)->start(Instant{1}, falling));

  DurableState garbled;
  garbled.vote.term = Term(1);
  garbled.entries = {membership(Index(1), Term(1), alone)};
  garbled.entries[0].payload = std::make_shared<const std::string>("?");
  CHECK_FALSE(make_engine(self, {}, 7)->start(Instant{1}, garbled));
}

TEST_CASE("a term below the last entry's is raised, without a vote") {
  Node node(pair);
  node.disk.push_back(records("pulled"));
  node.disk.back().index = Index(2);
  node.disk.back().term = Term(9);
  node.synced = Index(2);
  node.vote = {Term(4), MemberId(0xb2)};
  const Update update = node.start();
  CHECK(update.vote == Vote{Term(9), MemberId()});
  CHECK(update.role == Role::follower);
}

TEST_CASE("one of two voters stays a follower and asks for a pre-vote in time") {
  Node node(pair);
  Update update = node.start();
  CHECK(update.role == Role::follower);
  CHECK(update.append.empty());
  CHECK(node.step(Proposed{{records("a")}}).refused == Refusal::not_leader);
  CHECK(update.wake >= node.now + 1s);
  CHECK(update.wake <= node.now + 2s);
  node.now = update.wake;
  update = node.step(Tick{});
  CHECK(update.role == Role::candidate);
  CHECK_FALSE(update.vote);
  REQUIRE(update.send.size() == 1);
  const auto& ask = std::get<RequestVote>(update.send[0].body);
  CHECK(ask.pre_vote);
  CHECK(ask.last_index == Index(1));
  CHECK(update.send[0].term == Term(2));
  CHECK(update.send[0].to == MemberId(0xb2));
}

TEST_CASE("a leader changes the configuration by one member, and stays a voter") {
  Node node(alone);
  node.start();
  const auto propose = [&](const Configuration& next) {
    return node.step(Proposed{{membership({}, {}, next)}});
  };
  const MemberId b(0xb2);
  const MemberId c(0xc3);
  CHECK(propose({{voter(self), standby(b)}}).refused == Refusal::unsettled);
  node.sync();
  CHECK(propose({{standby(self), standby(b)}}).refused == Refusal::malformed);
  CHECK(propose({{voter(b)}}).refused == Refusal::several_members);
  CHECK(propose({{voter(self), standby(b), standby(c)}}).refused == Refusal::several_members);
  CHECK(node.step(Proposed{{membership({}, {}, alone), records("a")}}).refused ==
        Refusal::malformed);

  CHECK(propose({{voter(self), standby(b)}}).refused == Refusal::none);
  CHECK(propose(alone).refused == Refusal::changing);
  CHECK(node.sync().committed == Index(3));
  CHECK(node.engine->configuration().find(b) != nullptr);
  CHECK(propose({{voter(self), voter(b)}}).refused == Refusal::holds_nothing);
  node.step(Received{
      {.from = b, .to = self, .term = Term(2), .body = AppendEntriesResult{Index(0), Index(3)}}});
  CHECK(propose({{voter(self), voter(b)}}).refused == Refusal::none);
  CHECK(node.sync().committed == Index(3));  // The other voter has not said that it holds it.
  CHECK(propose({{standby(self), voter(b)}}).refused == Refusal::changing);
}

TEST_CASE("what belongs to no member of the protocol is dropped") {
  Node node(pair);
  node.start();
  const MemberId b(0xb2);
  const auto unheard = [&](Message message) {
    const Update update = node.step(Received{std::move(message)});
    return !update.vote && update.append.empty() && update.send.empty() && update.term == Term(1) &&
           update.leader == MemberId();
  };
  const auto message = [&](auto body) {
    return Message{.from = b, .to = self, .term = Term(5), .body = std::move(body)};
  };
  Entry first = records("a");
  first.index = Index(2);
  first.term = Term(5);
  Entry second = first;  // Does not follow it.
  Entry late = first;
  late.term = Term(6);
  const AppendEntries good{Index(1), Term(1), Index(1), 1, {first}};

  Message stranger = message(good);
  stranger.from = MemberId();
  CHECK(unheard(stranger));
  Message echo = message(good);
  echo.from = self;
  CHECK(unheard(echo));
  Message misled = message(good);
  misled.to = MemberId(0xc3);
  CHECK(unheard(misled));
  Message timeless = message(good);
  timeless.term = Term();
  CHECK(unheard(timeless));
  CHECK(unheard(message(AppendEntries{Index(1), Term(1), Index(1), 2, {first, second}})));
  CHECK(unheard(message(AppendEntries{Index(1), Term(1), Index(1), 2, {first}})));
  CHECK(unheard(message(AppendEntries{Index(1), Term(1), Index(1), 1, {late}})));
  CHECK(unheard(message(AppendEntries{Index(1), Term(), Index(1), 1, {first}})));
  CHECK(unheard(message(AppendEntries{Index(0), Term(1), Index(1), 0, {}})));
  CHECK(unheard(message(RequestVote{Index(9), Term(6), false, false})));
  Entry change = membership(Index(2), Term(5), pair);
  change.payload = std::make_shared<const std::string>("?");
  CHECK(unheard(message(AppendEntries{Index(1), Term(1), Index(1), 1, {change}})));

  CHECK_FALSE(unheard(message(good)));
  CHECK(node.disk.back().bytes() == "a");
}
