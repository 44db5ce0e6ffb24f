#include "node/node.h"

#include <doctest/doctest.h>

#include <atomic>
#include <future>
#include <thread>
#include <vector>

#include "io/memory_disk.h"
#include "io/seeded_random.h"
#include "io/system_clock.h"
#include "node/formation.h"

using namespace ledger;
using node::Node;

namespace {

const MemberId member(1);
const Id cluster = *parse_id("3f2a0c11-7a10-4c00-8000-4b5a5e9d1c0a");
const std::string segment = "segments/0000000000000001.seg";

rpc::Proposal raw() {
  rpc::Proposal proposal;
  encode_record(proposal.packed, {.id = cluster, .body = "hello"});
  proposal.count = 1;
  return proposal;
}

/// The only voter of a cluster, with its threads. Its disk can be made to stand still before it
/// writes the log.
struct Alone {
  std::atomic<bool> holds = false;
  std::promise<void> held, let_go;
  std::promise<void> ready;
  std::promise<Result<void>> ended;

  io::MemoryDisk disk;
  io::SeededRandom random{1};
  io::SystemClock clock;
  node::Cuts cuts;
  std::unique_ptr<log::Log> log;
  std::unique_ptr<Node> node;

  Alone() {
    disk.before_call([this](io::Call call, const std::string& path) {
      if (call != io::Call::write || path != segment || !holds.exchange(false)) return;
      held.set_value();
      let_go.get_future().wait();
    });
    raft::Configuration founders;
    founders.members.push_back({member, raft::Standing::voter, "n1", "127.0.0.1:17400"});
    const log::Options options{.segment_bytes = 2 << 20};
    REQUIRE(log::Log::create(disk, random, cluster, options,
                             node::founding_entry(founders, clock.wall())));
    log = log::Log::open(disk, random, cluster, options).value();
    Node::Hooks hooks;
    hooks.ready = [this](bool is) {
      if (is) ready.set_value();
    };
    hooks.done = [this](Result<void> how) { ended.set_value(std::move(how)); };
    node = std::make_unique<Node>(node::Self{member, "n1", cluster, "127.0.0.1:17400", "test", {}},
                                  *log, raft::make_engine(member, {}, 1), clock, cuts,
                                  std::vector<raft::Member>(), std::move(hooks));
    node->start();
    ready.get_future().wait();
  }
};

}  // namespace

TEST_CASE("whoever asks while the disk fails is answered") {
  Alone alone;
  alone.disk.fail({.call = io::Call::write, .path = segment});
  alone.holds = true;
  std::promise<bool> written;
  alone.node->propose(raw(), [&](const auto& outcome) { written.set_value(outcome.has_value()); });
  alone.held.get_future().wait();

  // Now the loop stands too: the failure, and what is asked before and after it, come together.
  std::promise<void> stands, go_on;
  alone.node->status([&](const auto&) {
    stands.set_value();
    go_on.get_future().wait();
  });
  stands.get_future().wait();
  alone.let_go.set_value();
  std::atomic<int> answered = 0;
  constexpr int asked = 20'000;
  for (int i = 0; i < asked; ++i) {
    alone.node->metrics([&](const auto&) { ++answered; });
    std::this_thread::yield();
  }
  go_on.set_value();

  CHECK_FALSE(alone.ended.get_future().get());
  CHECK(answered == asked);
  CHECK_FALSE(written.get_future().get());
}

TEST_CASE("turns are taken one at a time, whoever takes them, and all are answered") {
  Alone alone;
  constexpr int callers = 4;
  constexpr int each = 300;
  std::atomic<int> written = 0;
  std::atomic<int> in_turn = 0;
  std::atomic<bool> crowded = false;
  const auto one_at_a_time = [&] {
    if (++in_turn > 1) crowded = true;
    --in_turn;
  };
  const auto call = [&](uint8_t caller) {
    for (int i = 0; i < each; ++i) {
      rpc::Proposal proposal;
      encode_record(proposal.packed, {.id = make_id(Time{1 + i}, {caller}), .body = "hello"});
      proposal.count = 1;
      alone.node->status([&](const auto&) { one_at_a_time(); });
      std::promise<bool> answered;
      alone.node->propose(std::move(proposal), [&](const auto& outcome) {
        one_at_a_time();
        answered.set_value(outcome.has_value());
      });
      if (answered.get_future().get()) ++written;
    }
  };
  std::vector<std::thread> threads;
  for (uint8_t i = 0; i < callers; ++i) threads.emplace_back(call, i);
  for (std::thread& thread : threads) thread.join();
  CHECK(written == callers * each);
  CHECK_FALSE(crowded);
  alone.node->stop();
  CHECK(alone.ended.get_future().get());
}
