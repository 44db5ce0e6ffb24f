// Gossip between real sockets on loopback, and what it makes of a node that the test plays.
#include "node/gossip.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <fstream>

#include "io/memory_disk.h"
#include "io/seeded_random.h"
#include "io/system_clock.h"
#include "io/temporary_directory.h"
#include "rpc/memory_node.h"

using namespace ledger;
using namespace std::chrono_literals;
using State = rpc::GossipMember::State;

namespace {

const Id cluster = *parse_id("3f2a0c11-7a10-4c00-8000-4b5a5e9d1c0a");

/// Looks until it is so; only a hanging test meets the end.
bool eventually(const std::function<bool()>& so) {
  std::mutex mutex;
  std::condition_variable never;
  std::unique_lock lock(mutex);
  for (int looks = 0; looks < 6000; ++looks) {
    if (so()) return true;
    never.wait_for(lock, 10ms);
  }
  return false;
}

struct Running {
  io::MemoryDisk disk;
  io::SystemClock clock;
  io::SystemRandom random;
  node::Cuts cuts;
  std::unique_ptr<node::Gossip> gossip;

  Result<void> open(const std::string& name, node::GossipOptions options = {}) {
    if (options.listen.empty()) options.listen = "127.0.0.1:0";
    const uint64_t number = name.empty() ? 0 : static_cast<uint64_t>(name.back() - '0');
    gossip =
        TRY(node::Gossip::open(options,
                               {.name = name,
                                .member = MemberId(number),
                                .cluster = cluster,
                                .rpc_address = "127.0.0.1:1" + std::to_string(number),
                                .version = "test"},
                               disk, clock, random, cuts, [](node::Level, std::string_view) {}));
    return {};
  }
  void start(const std::string& name, node::GossipOptions options = {}) {
    REQUIRE(open(name, std::move(options)));
    gossip->start();
  }
  State state(const std::string& name) const {
    for (const rpc::GossipMember& one : *gossip->members()) {
      if (one.name == name) return one.state;
    }
    return State::unknown;
  }
  bool sees(const std::string& name, State wanted = State::alive) const {
    return eventually([&] { return state(name) == wanted; });
  }
};

std::string key_file(const io::TemporaryDirectory& directory, const std::string& name,
                     const std::string& key) {
  const std::string path = directory.path() + "/" + name;
  std::ofstream(path) << key << "\n";
  REQUIRE(chmod(path.c_str(), 0600) == 0);
  return path;
}

const std::string key_one = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const std::string key_two = "ABEiM0RVZneImaq7zN3u/w==";

}  // namespace

TEST_CASE("nodes find each other by one address, and tell who they are") {
  Running one;
  Running two;
  one.start("n1");
  two.start("n2", {.join = {one.gossip->address()}});
  CHECK(one.sees("n2"));
  CHECK(two.sees("n1"));
  const auto all = one.gossip->members();
  REQUIRE(all->size() == 2);
  const rpc::GossipMember& seen = all->back();
  CHECK(seen.ledger);
  CHECK(seen.member == MemberId(2));
  CHECK(seen.cluster == cluster.text());
  CHECK(seen.rpc_address == "127.0.0.1:12");
  CHECK(seen.address == two.gossip->address());
  CHECK(seen.version == "test");
}

TEST_CASE("a node that starts again finds the others without being told where they are") {
  Running one;
  Running two;
  one.start("n1");
  two.start("n2", {.join = {one.gossip->address()}});
  REQUIRE(one.sees("n2"));
  REQUIRE(eventually([&] { return io::read_file(two.disk, "gossip", 1000).has_value(); }));
  const std::string address = two.gossip->address();
  two.gossip.reset();
  two.start("n2", {.listen = address});
  CHECK(two.sees("n1"));
}

TEST_CASE("a node that stops is not said to have left; one that leaves is") {
  Running one;
  Running two;
  Running three;
  one.start("n1");
  two.start("n2", {.join = {one.gossip->address()}});
  three.start("n3", {.join = {one.gossip->address()}});
  REQUIRE(one.sees("n2"));
  REQUIRE(one.sees("n3"));
  REQUIRE(three.sees("n1"));
  two.gossip->stop();
  three.gossip->leave(20s);
  CHECK(one.sees("n3", State::left));
  CHECK(one.state("n2") != State::left);
  CHECK(one.state("n2") != State::leaving);
}

TEST_CASE("whoever has another key stays outside, and is counted") {
  const io::TemporaryDirectory directory;
  Running one;
  Running two;
  Running three;
  one.start("n1", {.key_file = key_file(directory, "one", key_one)});
  two.start("n2",
            {.key_file = key_file(directory, "two", key_two), .join = {one.gossip->address()}});
  CHECK(eventually([&] { return one.gossip->unreadable() > 0; }));
  three.start("n3",
              {.key_file = key_file(directory, "three", key_one), .join = {one.gossip->address()}});
  CHECK(one.sees("n3"));
  CHECK(one.state("n2") == State::unknown);
}

TEST_CASE("without a key a node gossips on loopback only, and keys are private") {
  const io::TemporaryDirectory directory;
  Running one;
  CHECK(one.open("n1", {.listen = "0.0.0.0:0"}).error().code == Code::usage);
  CHECK(one.open("n1", {.key_file = directory.path() + "/none"}).error().code ==
        Code::no_such_file);
  const std::string path = key_file(directory, "key", key_one);
  REQUIRE(chmod(path.c_str(), 0640) == 0);
  CHECK(one.open("n1", {.key_file = path}).error().code == Code::file_permission);
  REQUIRE(chmod(path.c_str(), 0600) == 0);
  std::ofstream(path) << "no key";
  CHECK(one.open("n1", {.key_file = path}).error().code == Code::config_invalid);
  std::ofstream(path) << key_one;
  CHECK(one.open("n1", {.listen = "0.0.0.0:0", .key_file = path}).error().code == Code::usage);
  CHECK(one.open("n1", {.listen = "0.0.0.0:0", .advertise = "127.0.0.1", .key_file = path}));
}

TEST_CASE("an address that another gossips at is an error that names it") {
  Running one;
  Running two;
  one.start("n1");
  const auto taken = two.open("n2", {.listen = one.gossip->address()});
  REQUIRE_FALSE(taken);
  CHECK(taken.error().code == Code::address_in_use);
  CHECK(taken.error().message.find(one.gossip->address()) != std::string::npos);
}

TEST_CASE("a node can be told whom to meet, and says who was new") {
  Running one;
  Running two;
  Running gone;
  one.start("n1");
  two.start("n2");
  gone.start("n3");
  const std::string nowhere = gone.gossip->address();
  gone.gossip.reset();
  const auto meet = [&](std::vector<std::string> addresses) {
    std::promise<rpc::Answer<rpc::Met>> promise;
    one.gossip->meet(std::move(addresses), [&](auto met) { promise.set_value(std::move(met)); });
    return promise.get_future().get();
  };
  const auto met = meet({two.gossip->address(), nowhere});
  REQUIRE(met);
  CHECK(met->fresh == std::vector<std::string>{"n2"});
  REQUIRE(met->unreached.size() == 1);
  CHECK(met->unreached[0].address == nowhere);
  CHECK(meet({nowhere}).error().error.code == Code::peer_unreachable);
  CHECK(meet({two.gossip->address()})->fresh.empty());
}

TEST_CASE("the leader takes a member out that has left by gossip; who does not lead takes nobody") {
  Running one;
  Running two;
  one.start("n1");
  two.start("n2", {.join = {one.gossip->address()}});
  REQUIRE(one.sees("n2"));
  REQUIRE(two.sees("n1"));  // Or there would be nobody to say goodbye to.
  rpc::MemoryNode played;
  rpc::Members members;
  for (const uint64_t number : {1, 2}) {
    members.all.push_back({{MemberId(number), raft::Standing::voter, "n" + std::to_string(number),
                            "127.0.0.1:1" + std::to_string(number)},
                           {},
                           {}});
  }
  members.self = MemberId(1);
  members.leader = MemberId(2);
  members.settled = true;
  played.set_members(members);
  std::promise<rpc::Change> asked;
  std::atomic<bool> once = false;
  played.on_change([&](const rpc::Change& change) {
    if (!once.exchange(true)) asked.set_value(change);
    return rpc::Changed{{MemberId(2), raft::Standing::voter, "n2", {}}, {}, Term(1), false};
  });
  one.gossip->serve(played, cluster);
  two.gossip->leave(20s);
  REQUIRE(one.sees("n2", State::left));
  CHECK_FALSE(once);
  members.leader = MemberId(1);
  played.set_members(members);
  const rpc::Change change = asked.get_future().get();
  CHECK(change.kind == rpc::Change::Kind::remove);
  CHECK(change.member == MemberId(2));
  one.gossip->stop();
}

TEST_CASE("gossip hears and says nothing across a cut, and goes on when it is healed") {
  Running one;
  Running two;
  one.start("n1");
  const auto apart = [](const Running& from, const std::string& name) {
    return node::Cuts::parse(name + " " + from.gossip->address() + "\n").value();
  };
  REQUIRE(two.open("n2", {.join = {one.gossip->address()}}));
  one.cuts.set(apart(two, "n2"));
  two.cuts.set(apart(one, "n1"));
  two.gossip->start();
  // A contact gets its answer, or is given up: by then it has been tried.
  std::promise<rpc::Answer<rpc::Met>> met;
  two.gossip->meet({one.gossip->address()}, [&](auto answer) { met.set_value(std::move(answer)); });
  CHECK_FALSE(met.get_future().get());
  CHECK(one.state("n2") == State::unknown);
  CHECK(two.state("n1") == State::unknown);
  one.cuts.set({});
  two.cuts.set({});
  REQUIRE(one.sees("n2"));
  REQUIRE(two.sees("n1"));
  one.cuts.set(apart(two, "n2"));
  two.cuts.set(apart(one, "n1"));
  CHECK(one.sees("n2", State::failed));
  CHECK(two.sees("n1", State::failed));
  one.cuts.set({});
  CHECK(one.state("n2") == State::failed);  // The other still sends nothing.
  two.cuts.set({});
  CHECK(one.sees("n2"));
  CHECK(two.sees("n1"));
}
