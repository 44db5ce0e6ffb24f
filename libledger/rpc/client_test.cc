#include "rpc/client.h"

#include <doctest/doctest.h>

#include <thread>

#include "rpc/served.h"

using namespace ledger;
using namespace ledger::rpc;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr uint64_t bank = 101;
constexpr uint64_t alice = 102;
constexpr uint64_t bob = 103;

struct ClientServed : Served {
  std::unique_ptr<Client> client = make();

  std::unique_ptr<Client> make(Patience patience = {Patience::Kind::progress, seconds(60)}) {
    return Client::create({.endpoints = {server->address()}, .patience = patience}).value();
  }
  /// `count` records from test_id(`first`) on, each a submission of its own.
  void append(uint64_t first, uint64_t count) {
    const std::unique_ptr<Appender> appender = client->append(1000);
    for (uint64_t i = 0; i < count; ++i) {
      appender->submit({raw_record(test_id(first + i), "value"), 1});
    }
    appender->close();
    uint64_t answers = 0;
    while (REQUIRE_VALUE(appender->next())) ++answers;
    CHECK(answers == count);
  }
  template <class T>
  static T REQUIRE_VALUE(Result<T> result) {
    if (!result) FAIL(result.error().message);
    return *std::move(result);
  }
  std::vector<book::Decision> decide(std::vector<Command> commands) {
    const Posted posted = REQUIRE_VALUE(client->post(std::move(commands)));
    CHECK_FALSE(posted.refused);
    return posted.decisions;
  }
  /// USD, three accounts, 100.00 for alice: offsets 0 to 4.
  void open_books() {
    decide(
        {{.id = test_id(1), .body = book::Asset{"USD", 2}},
         {.id = test_id(bank), .body = account(bank, "assets:bank")},
         {.id = test_id(alice), .meta = R"({"n":1})", .body = account(alice, "liabilities:alice")},
         {.id = test_id(bob), .body = account(bob, "liabilities:bob")},
         {.id = test_id(2), .body = pay(bank, alice, 10'000)}});
  }
  static book::Account account(uint64_t id, const std::string& name) {
    book::Account account;
    account.account = test_id(id);
    account.name = name;
    account.asset = "USD";
    account.kind = *book::kind_of_name(name);
    if (id == alice) account.floor = 0;
    return account;
  }
  static book::Transact pay(uint64_t debit, uint64_t credit, Int128 amount) {
    book::Transact transact;
    transact.legs = {{test_id(debit), test_id(credit), amount}};
    return transact;
  }
};

}  // namespace

TEST_CASE("what a client appends it reads back, in order, with offsets and times") {
  ClientServed served;
  const std::unique_ptr<Appender> appender = served.client->append(100);
  appender->submit({raw_record(test_id(1), "a") + raw_record(test_id(2), "b"), 2});
  appender->submit({raw_record(test_id(1), "a") + raw_record(test_id(2), "c"), 2});
  appender->close();
  std::optional<Appended> answer = served.REQUIRE_VALUE(appender->next());
  REQUIRE(answer);
  CHECK(answer->offsets == std::vector{Offset(0), Offset(1)});
  CHECK(answer->term == Term(1));
  CHECK(answer->recorded.ns == MemoryNode::start.ns + 1001);
  answer = served.REQUIRE_VALUE(appender->next());
  REQUIRE(answer);
  CHECK(answer->offsets == std::vector{Offset(0), Offset(1)});
  CHECK(answer->duplicates == std::vector<uint32_t>{0});
  CHECK(answer->refused == std::vector<uint32_t>{1});
  CHECK_FALSE(served.REQUIRE_VALUE(appender->next()));

  const std::unique_ptr<Reader> reader = served.client->read({.from = Offset(0)});
  const std::optional<book::Decided> decided = served.REQUIRE_VALUE(reader->next(seconds(60)));
  REQUIRE(decided);
  CHECK(decided->first == Offset(0));
  CHECK(decided->next() == Offset(2));
  CHECK(decided->records == raw_record(test_id(1), "a") + raw_record(test_id(2), "b"));
  CHECK(decided->runs ==
        std::vector<book::Run>{{2, Time{MemoryNode::start.ns + 1000}, Term(1), 1}});
  CHECK_FALSE(served.REQUIRE_VALUE(reader->next(seconds(60))));
}

TEST_CASE("one thread can submit while another takes answers, through a window") {
  ClientServed served;
  const std::unique_ptr<Appender> appender = served.client->append(50);
  std::thread submitter([&] {
    for (uint64_t i = 0; i < 500; ++i) {
      appender->submit({raw_record(test_id(1 + i), std::to_string(i)), 1});
    }
    appender->close();
  });
  uint64_t answers = 0;
  while (std::optional<Appended> answer = served.REQUIRE_VALUE(appender->next())) {
    CHECK(answer->offsets.front() == Offset(answers++));
  }
  submitter.join();
  CHECK(answers == 500);
}

TEST_CASE("one thread can do both sides by asking for room") {
  ClientServed served;
  served.node.hold(true);
  const std::unique_ptr<Appender> appender = served.client->append(3);
  uint64_t submitted = 0;
  while (appender->has_room(1)) appender->submit({raw_record(test_id(++submitted), "x"), 1});
  CHECK(submitted == 3);
  CHECK_FALSE(appender->has_answer());
  served.node.hold(false);
  REQUIRE(served.REQUIRE_VALUE(appender->next()));
  CHECK(appender->has_room(1));
  CHECK_FALSE(appender->has_room(2));
}

TEST_CASE("a record that can't be written ends the appender, after what came before it") {
  ClientServed served;
  const std::unique_ptr<Appender> appender = served.client->append(100);
  appender->submit({raw_record(test_id(1), "a"), 1});
  appender->submit({raw_record(Id{}, "b"), 1});
  CHECK(served.REQUIRE_VALUE(appender->next()));
  const Result<std::optional<Appended>> second = appender->next();
  REQUIRE_FALSE(second);
  CHECK(second.error().code == Code::invalid_id);
}

TEST_CASE("commands are decided, refused and answered again") {
  ClientServed served;
  served.open_books();
  const Command rent{.id = test_id(3), .body = ClientServed::pay(alice, bob, 4'000)};
  const book::Decision decision = served.decide({rent}).front();
  CHECK(decision.offset == Offset(5));
  CHECK(decision.verdict.code == book::Code::ok);
  REQUIRE(decision.balances.size() == 2);
  CHECK(decision.balances[0].posted == 6'000);
  CHECK(served.decide({rent}).front().verdict.duplicate);
  const book::Decision refusal =
      served.decide({{.id = test_id(4), .body = ClientServed::pay(alice, bob, 9'000)}}).front();
  CHECK(refusal.verdict.code == book::Code::insufficient_funds);
  CHECK(refusal.verdict.detail.available == 6'000);

  const Posted bad = served.REQUIRE_VALUE(
      served.client->post({rent, {.id = test_id(5), .body = ClientServed::pay(alice, bob, 0)}}));
  REQUIRE(bad.refused);
  CHECK(bad.refused->index == 1);
  CHECK(bad.refused->error.code == Code::invalid_amount);
}

TEST_CASE("accounts, assets and transactions are read, each as of an offset") {
  ClientServed served;
  served.open_books();
  const auto alice_row = served.REQUIRE_VALUE(served.client->account("liabilities:alice", {}));
  CHECK(alice_row.as_of == Offset(5));
  CHECK(alice_row.value.row.posted() == 10'000);
  CHECK(alice_row.value.row.account.floor == 0);
  CHECK(alice_row.value.meta == R"({"n":1})");
  CHECK(served.REQUIRE_VALUE(served.client->account(test_id(alice), {})).value.row.version == 1);
  const auto missing = served.client->account("liabilities:alcie", {});
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code == Code::no_such_account);

  CHECK(served.REQUIRE_VALUE(served.client->accounts("", false, {})).value.size() == 3);
  CHECK(served.REQUIRE_VALUE(served.client->accounts("", true, {})).value.size() == 2);
  const auto none = served.REQUIRE_VALUE(served.client->accounts("equity", false, {}));
  CHECK(none.value.empty());
  CHECK(none.as_of == Offset(5));
  CHECK(served.REQUIRE_VALUE(served.client->assets({})).value.front().scale == 2);

  const auto found = served.REQUIRE_VALUE(served.client->transaction(test_id(2), {}));
  REQUIRE(found.value);
  CHECK(found.value->decision.offset == Offset(4));
  CHECK(view_record(found.value->record).id == test_id(2));
  CHECK_FALSE(served.REQUIRE_VALUE(served.client->transaction(test_id(99), {})).value);
}

TEST_CASE("positions are found by time, and named by id and time") {
  ClientServed served;
  served.append(1, 20);  // Recorded 1 us apart, from start + 1 us on.
  CHECK(served.REQUIRE_VALUE(served.client->end({})) == Offset(20));
  for (int64_t us = 0; us <= 21; ++us) {
    CAPTURE(us);
    const Time time{MemoryNode::start.ns + 1000 * us};
    CHECK(served.REQUIRE_VALUE(served.client->find(time)) ==
          Offset(static_cast<uint64_t>(std::max<int64_t>(us - 1, 0))));
  }
  const auto [id, recorded] = served.REQUIRE_VALUE(served.client->identify(Offset(7)));
  CHECK(id == test_id(8));
  CHECK(recorded.ns == MemoryNode::start.ns + 8000);
}

TEST_CASE("a reader follows, looks up when nothing comes, and ends where it was told to") {
  ClientServed served;
  served.append(1, 2);
  const std::unique_ptr<Reader> reader =
      served.client->read({.from = Offset(1), .to = Offset(4), .follow = true});
  std::optional<book::Decided> decided = served.REQUIRE_VALUE(reader->next(seconds(60)));
  REQUIRE(decided);
  CHECK(decided->next() == Offset(2));
  decided = served.REQUIRE_VALUE(reader->next(milliseconds(1)));
  REQUIRE(decided);
  CHECK(decided->verdicts.empty());
  CHECK(decided->first == Offset(2));
  served.append(10, 5);
  Offset next(2);
  while ((decided = served.REQUIRE_VALUE(reader->next(seconds(60))))) {
    CHECK(decided->first == next);
    next = decided->next();
  }
  CHECK(next == Offset(4));
}

TEST_CASE("a range past the end is out of range") {
  ClientServed served;
  served.append(1, 2);
  CHECK_FALSE(served.REQUIRE_VALUE(served.client->read({.from = Offset(2)})->next(seconds(60))));
  const auto beyond = served.client->read({.from = Offset(3)})->next(seconds(60));
  REQUIRE_FALSE(beyond);
  CHECK(beyond.error().code == Code::out_of_range);
  CHECK(beyond.error().message == "offset 3 is past the end (next is 2)");
}

TEST_CASE("decisions come with a detail for each refusal") {
  ClientServed served;
  served.open_books();
  served.decide({{.id = test_id(3), .body = ClientServed::pay(alice, bob, 20'000)}});
  const std::unique_ptr<Reader> reader = served.client->decisions({.from = Offset(0)}, "books");
  const std::optional<book::Decided> decided = served.REQUIRE_VALUE(reader->next(seconds(60)));
  REQUIRE(decided);
  CHECK(decided->next() == Offset(6));
  REQUIRE(decided->details.size() == 1);
  CHECK(decided->details[0].needed == 20'000);
}

TEST_CASE("status, leader, members and readiness are told") {
  ClientServed served;
  served.node.set_members(members_of({{"n1", served.server->address()}}));
  CHECK(served.REQUIRE_VALUE(served.client->status()).node == "n1");
  CHECK(served.REQUIRE_VALUE(served.client->leader()).clock == MemoryNode::start);
  CHECK(served.REQUIRE_VALUE(served.client->status_of(served.server->address())).role == "leader");
  CHECK(served.REQUIRE_VALUE(served.client->members()).all.front().member.name == "n1");
  CHECK_FALSE(served.REQUIRE_VALUE(served.client->is_ready(served.server->address())));
  served.server->set_ready(true);
  CHECK(served.REQUIRE_VALUE(served.client->is_ready(served.server->address())));
}
