// What a client does when a node is gone, silent, not the leader, or may have written.
#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "rpc/client.h"
#include "rpc/relay.h"
#include "rpc/served.h"

using namespace ledger;
using namespace ledger::rpc;
using std::chrono::seconds;

namespace {

const Patience patient{Patience::Kind::progress, seconds(60)};
const Patience brief{Patience::Kind::whole, seconds(1)};

std::unique_ptr<Client> client_of(std::vector<std::string> endpoints,
                                  const Patience& patience = patient) {
  return Client::create({.endpoints = std::move(endpoints), .patience = patience}).value();
}

Failure not_leader(const std::string& leader) {
  return {{Code::no_leader, "n1 is not the leader", "ask the leader"}, leader};
}

NodeStatus status_of(const std::string& node, const std::string& role, const std::string& leader,
                     uint64_t term = 1) {
  NodeStatus status;
  status.node = node;
  status.role = role;
  status.leader = leader;
  status.term = Term(term);
  status.cluster = Id{{1}};
  return status;
}

/// A free port: somebody had it a moment ago.
std::string nobody() {
  const Served served;
  return served.server->address();
}

/// Listens, and never says a word.
struct Mute {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  std::string address;

  Mute() {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof in;
    REQUIRE(bind(fd, reinterpret_cast<sockaddr*>(&in), size) == 0);
    REQUIRE(listen(fd, 16) == 0);
    REQUIRE(getsockname(fd, reinterpret_cast<sockaddr*>(&in), &size) == 0);
    address = "127.0.0.1:" + std::to_string(ntohs(in.sin_port));
  }
  ~Mute() { close(fd); }
};

Packed record(uint64_t id) {
  return {raw_record(test_id(id), "value"), 1};
}

}  // namespace

TEST_CASE("where nobody listens the answer is there at once, and says what was tried") {
  const std::string address = nobody();
  const std::unique_ptr<Client> client = client_of({address});
  const std::string message = "cannot reach any of " + address + " (refused)";
  const auto read = client->assets({});
  REQUIRE_FALSE(read);
  CHECK(read.error().code == Code::unreachable);
  CHECK(read.error().message == message);
  CHECK_FALSE(read.error().hint.empty());
  REQUIRE(client->tried().size() == 1);
  CHECK(client->tried()[0].address == address);
  CHECK(client->tried()[0].result == "refused");

  const auto write = client->post({{.id = test_id(1), .body = book::Asset{"USD", 2}}});
  REQUIRE_FALSE(write);
  CHECK(write.error().code == Code::unreachable);
  CHECK(write.error().message == message);
  CHECK(client->read({.from = {}})->next(seconds(60)).error().message == message);
  CHECK(client->status_of(address).error().message == address + " refused");
}

TEST_CASE("a node that takes connections and is silent costs the deadline, and no more") {
  const Mute mute;
  const std::unique_ptr<Client> client = client_of({mute.address}, brief);
  const auto write = client->post({{.id = test_id(1), .body = book::Asset{"USD", 2}}});
  REQUIRE_FALSE(write);
  CHECK(write.error().code == Code::unreachable);
  CHECK(write.error().message == "cannot reach any of " + mute.address + " (no answer)");
  CHECK_FALSE(client_of({mute.address}, brief)->assets({}));
}

TEST_CASE("of several endpoints one that answers is enough") {
  Served served;
  const Mute mute;
  const std::unique_ptr<Client> client =
      client_of({nobody(), mute.address, served.server->address()});
  CHECK(client->post({{.id = test_id(1), .body = book::Asset{"USD", 2}}}));
  const auto assets = client->assets({});
  REQUIRE(assets);
  CHECK(assets->value.size() == 1);
}

TEST_CASE("writes go to the leader that a follower names, reads to the follower") {
  Served follower;
  Served leader;
  follower.node.set_status(status_of("n1", "follower", leader.server->address()));
  follower.node.fail_with(not_leader(leader.server->address()));
  leader.node.set_status(status_of("n2", "leader", leader.server->address()));
  const std::unique_ptr<Client> client = client_of({follower.server->address()});
  const auto appender = client->append(10);
  appender->submit(record(1));
  const auto answer = appender->next();
  REQUIRE(answer);
  CHECK((*answer)->offsets.front() == Offset(0));
  CHECK(client->leader()->node == "n2");
  CHECK(client->status()->node == "n1");

  const std::unique_ptr<Client> both =
      client_of({leader.server->address(), follower.server->address()});
  CHECK(both->status()->node == "n1");
}

TEST_CASE("an old leader that does not know it yet is passed over") {
  Served old;
  Served now;
  old.node.set_status(status_of("n1", "leader", old.server->address(), 4));
  now.node.set_status(status_of("n2", "leader", now.server->address(), 5));
  CHECK(client_of({old.server->address(), now.server->address()})->leader()->node == "n2");
}

TEST_CASE("when the leader changes in the middle, what is unanswered goes to the next one, once") {
  Served first;
  Served second;
  first.node.set_status(status_of("n1", "leader", first.server->address()));
  second.node.set_status(status_of("n2", "follower", first.server->address()));
  const std::unique_ptr<Client> client =
      client_of({first.server->address(), second.server->address()});
  const auto appender = client->append(100);
  appender->submit(record(1));
  REQUIRE(appender->next());
  // From here on n2 leads, and n1 says so.
  second.node.set_status(status_of("n2", "leader", second.server->address(), 2));
  first.node.set_status(status_of("n1", "follower", second.server->address(), 2));
  first.node.fail_with(not_leader(second.server->address()));
  for (uint64_t i = 2; i <= 10; ++i) appender->submit(record(i));
  appender->close();
  for (uint64_t i = 2; i <= 10; ++i) {
    const auto answer = appender->next();
    REQUIRE(answer);
    CHECK((*answer)->offsets.front() == Offset(i - 2));
    CHECK((*answer)->duplicates.empty());
  }
}

TEST_CASE("a server that stops and comes back loses nothing and doubles nothing") {
  Served served;
  const std::string address = served.server->address();
  const std::unique_ptr<Client> client = client_of({address});
  const auto appender = client->append(1000);
  const auto reader = client->read({.from = {}, .follow = true});
  uint64_t submitted = 0;
  uint64_t answered = 0;
  Offset read;
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 50; ++i) appender->submit(record(++submitted));
    REQUIRE(appender->next());
    ++answered;
    served.server->stop({});  // Cancels what is under way.
    served.server = RpcServer::start({.listen = address, .ids = {}}).value();
    served.server->attach(served.node);
    while (answered < submitted) {
      const auto answer = appender->next();
      REQUIRE(answer);
      CHECK((*answer)->offsets.front() == Offset(answered++));
    }
    while (read < Offset(submitted)) {
      const auto decided = reader->next(seconds(60));
      REQUIRE(decided);
      CHECK((*decided)->first == read);
      read = (*decided)->next();
    }
  }
  CHECK(read == Offset(150));
}

TEST_CASE("a write whose answer was lost is asked for again, and written once") {
  Served served;
  served.node.lose_next_answer({{Code::unknown_outcome, "lost its term", "ask again"}, {}});
  const std::unique_ptr<Client> client = client_of({served.server->address()});
  const auto posted = client->post({{.id = test_id(1), .body = book::Asset{"USD", 2}}});
  REQUIRE(posted);
  CHECK(posted->decisions.front().offset == Offset(0));
  CHECK(posted->decisions.front().verdict.duplicate);
  CHECK(client->end({}) == Offset(1));
}

TEST_CASE("a write to a leader that falls silent goes to the one that leads by now") {
  Served first;
  Served second;
  Relay relay(first.server->address());
  first.node.set_status(status_of("n1", "leader", relay.address()));
  second.node.set_status(status_of("n2", "follower", relay.address()));
  const std::unique_ptr<Client> client = client_of({relay.address(), second.server->address()});
  const auto appender = client->append(10);
  appender->submit(record(1));
  REQUIRE(appender->next());
  relay.mute();
  appender->submit(record(2));
  second.node.set_status(status_of("n2", "leader", second.server->address(), 2));
  const auto answer = appender->next();
  REQUIRE(answer);
  CHECK((*answer)->offsets.front() == Offset(0));  // Of n2, which has only this one.
}

TEST_CASE("a write that is still unknown is not given up because one node refuses it for good") {
  Served first;
  Served second;
  first.node.set_status(status_of("n1", "leader", first.server->address()));
  second.node.set_status(status_of("n2", "follower", first.server->address()));
  // n1 loses the answer and its office; n2 has no room, until it has said so.
  first.node.lose_next_answer({{Code::unknown_outcome, "lost its term", "ask again"}, {}});
  second.node.fail_with(Failure{{Code::no_space, "n2 has no room", "free space"}, {}});
  ClientOptions options{.endpoints = {first.server->address(), second.server->address()},
                        .patience = patient};
  options.verbose = [&](int, const std::string& text) {
    if (text.starts_with("lost its term")) {
      second.node.set_status(status_of("n2", "leader", second.server->address(), 2));
      first.node.set_status(status_of("n1", "follower", second.server->address(), 2));
    } else if (text.starts_with("n2 has no room")) {
      second.node.fail_with(std::nullopt);
    }
  };
  const std::unique_ptr<Client> client = Client::create(std::move(options)).value();
  const auto appender = client->append(10);
  appender->submit(record(1));
  const auto answer = appender->next();
  REQUIRE(answer);
  CHECK((*answer)->offsets.front() == Offset(0));
}

TEST_CASE("a leader far away is found though a follower nearby answers first") {
  Served near;
  Served far;
  Relay relay(far.server->address(), std::chrono::milliseconds(40));
  near.node.set_status(status_of("n1", "follower", relay.address()));
  far.node.set_status(status_of("n2", "leader", relay.address()));
  CHECK(client_of({near.server->address()})->leader()->node == "n2");
}

TEST_CASE("nodes that start are waited for") {
  Served starting(false);
  std::atomic<bool> waited = false;
  ClientOptions options{.endpoints = {starting.server->address()}, .patience = patient};
  options.verbose = [&](int, const std::string& text) {
    if (text == "nobody answers yet" && !waited.exchange(true)) {
      starting.server->attach(starting.node);
    }
  };
  const std::unique_ptr<Client> client = Client::create(std::move(options)).value();
  CHECK(client->post({{.id = test_id(1), .body = book::Asset{"USD", 2}}}));
  CHECK(waited);
}

TEST_CASE("a write that may have happened is unknown at the deadline, not refused") {
  Served served;
  served.node.hold(true);
  const std::unique_ptr<Client> client = client_of({served.server->address()}, brief);
  const auto posted = client->post({{.id = test_id(1), .body = book::Asset{"USD", 2}}});
  REQUIRE_FALSE(posted);
  CHECK(posted.error().code == Code::unknown_outcome);
  served.node.hold(false);
}

TEST_CASE("a write that was refused each time was not written, and the error says why") {
  Served served;
  served.node.fail_with(Failure{{Code::busy, "n1 is overloaded", "later"}, {}});
  const std::unique_ptr<Client> client = client_of({served.server->address()}, brief);
  const auto posted = client->post({{.id = test_id(1), .body = book::Asset{"USD", 2}}});
  REQUIRE_FALSE(posted);
  CHECK(posted.error().code == Code::busy);
  CHECK(posted.error().message == "n1 is overloaded");

  served.node.fail_with(Failure{{Code::no_space, "n1 has no room", "free space"}, {}});
  const auto full = client_of({served.server->address()})
                        ->post({{.id = test_id(1), .body = book::Asset{"USD", 2}}});
  REQUIRE_FALSE(full);
  CHECK(full.error().code == Code::no_space);  // At once: it may last.
}

TEST_CASE("without a leader the error counts the members") {
  Served served;
  served.node.set_status(status_of("n1", "candidate", "", 9));
  const auto alone = client_of({served.server->address()}, brief)->leader();
  REQUIRE_FALSE(alone);
  CHECK(alone.error().code == Code::no_leader);
  CHECK(alone.error().message == "no leader elected within 1s (term 9, 1 of 1 members reachable)");

  served.node.set_members(
      members_of({{"n1", served.server->address()}, {"n2", nobody()}, {"n3", nobody()}}, 0));
  const std::unique_ptr<Client> client = client_of({served.server->address()}, brief);
  const auto minority = client->leader();
  REQUIRE_FALSE(minority);
  CHECK(minority.error().code == Code::no_quorum);
  CHECK(minority.error().message == "no leader: 1 of 3 members reachable, 2 needed for quorum");
  CHECK(minority.error().hint == "start n2 or n3");
  REQUIRE(client->tried().size() == 3);
  CHECK(client->tried()[0].name == "n1");
  CHECK(client->tried()[0].result == "candidate, term 9");
}

TEST_CASE("voters that do not answer are missed, standbys are not") {
  Served served;
  served.node.set_status(status_of("n1", "candidate", "", 9));
  Members members = members_of({{"n1", served.server->address()}, {"n2", nobody()}}, 0);
  members.all[1].member.standing = raft::Standing::standby;
  served.node.set_members(members);
  const auto alone = client_of({served.server->address()}, brief)->leader();
  REQUIRE_FALSE(alone);
  CHECK(alone.error().code == Code::no_leader);
  CHECK(alone.error().message == "no leader elected within 1s (term 9, 1 of 1 members reachable)");
}

namespace {

/// Two nodes with the same records, of which the first follows, behind a relay.
struct Twins {
  Served first;
  Served second;
  Relay relay{first.server->address()};
  uint64_t written = 0;

  Twins() {
    first.node.set_status(status_of("n1", "follower", second.server->address()));
    second.node.set_status(status_of("n2", "leader", second.server->address()));
    first.node.set_members(
        rpc::members_of({{"n1", relay.address()}, {"n2", second.server->address()}}, 2));
    write(3);
  }
  /// To both, as consensus would.
  void write(uint64_t count) {
    for (uint64_t i = 0; i < count; ++i) {
      for (Served* one : {&first, &second}) one->node.follow(raw_record(test_id(written), "v"));
      ++written;
    }
  }
  /// Reads up to what is written, and no further.
  static void read(Reader& reader, Offset& next, uint64_t end) {
    while (next.value < end) {
      const auto decided = reader.next(seconds(60));
      REQUIRE(decided);
      CHECK((*decided)->first == next);
      next = (*decided)->next();
    }
    CHECK(next.value == end);
  }
};

}  // namespace

TEST_CASE("a reader whose node dies goes on elsewhere without gap or repeat") {
  Twins twins;
  // It knows one endpoint, and learns of the others while it can.
  const std::unique_ptr<Client> client = client_of({twins.first.server->address()});
  const auto reader = client->read({.from = {}, .follow = true});
  Offset next;
  Twins::read(*reader, next, 3);
  twins.first.server->stop({});
  twins.write(4);
  Twins::read(*reader, next, 7);
}

TEST_CASE("a reader whose node falls silent goes on elsewhere without gap or repeat") {
  Twins twins;
  const std::unique_ptr<Client> client =
      client_of({twins.relay.address(), twins.second.server->address()});
  const auto reader = client->read({.from = {}, .follow = true});
  Offset next;
  Twins::read(*reader, next, 3);
  twins.relay.mute();
  twins.write(4);
  Twins::read(*reader, next, 7);
}

TEST_CASE("a reading that is no following leaves a silent node too, and ends where it was to end") {
  Twins twins;
  const std::unique_ptr<Client> client =
      client_of({twins.relay.address(), twins.second.server->address()});
  CHECK(client->status()->node == "n1");  // Where reads go from now on.
  twins.relay.mute();
  const auto reader = client->read({.from = {}});
  Offset next;
  Twins::read(*reader, next, 3);
  const auto end = reader->next(seconds(60));
  REQUIRE(end);
  CHECK_FALSE(*end);
}

TEST_CASE("reads go to a follower that keeps up, rather than to one that is far behind") {
  Served behind;
  Served leader;
  behind.node.set_status(status_of("n1", "follower", leader.server->address()));
  leader.node.set_status(status_of("n2", "leader", leader.server->address()));
  for (uint64_t i = 0; i < 1001; ++i) leader.node.follow(raw_record(test_id(i), "v"));
  const std::vector<std::string> both = {behind.server->address(), leader.server->address()};
  CHECK(client_of(both)->status()->node == "n2");
  behind.node.follow(raw_record(test_id(0), "v"));
  CHECK(client_of(both)->status()->node == "n1");
}

TEST_CASE("a read that the cluster can't answer yet is tried again") {
  Served served;
  served.node.fail_with(not_leader(""));
  const std::unique_ptr<Client> client = client_of({served.server->address()}, brief);
  const auto assets = client->assets({});
  REQUIRE_FALSE(assets);
  CHECK(assets.error().code == Code::no_leader);
  CHECK(client_of({served.server->address()}, brief)
            ->assets({.kind = Freshness::Kind::stale, .at_least = {}}));
}

TEST_CASE("an endpoint that is no address is refused before anything is tried") {
  CHECK(Client::create({.endpoints = {}, .patience = {}}).error().code == Code::invalid_value);
  CHECK(Client::create({.endpoints = {"n1"}, .patience = {}}).error().code == Code::invalid_value);
}
