// Entries asked of another member.
#include "rpc/peer_pull.h"

#include <doctest/doctest.h>

#include <deque>

#include "rpc/memory_peer.h"

using namespace ledger;
using namespace ledger::rpc;

namespace {

/// Collects what a pull brings; asks for the next batch when told to.
class Taker {
 public:
  explicit Taker(bool waits = false) : waits_(waits) {}

  Peers::Take take() {
    return [this](Result<std::vector<Entry>> batch, const Peers::More& more) {
      const std::lock_guard lock(mutex_);
      ended_ = !batch || batch->empty();
      if (!batch) error_ = std::move(batch).error();
      if (!ended_) {
        batches_ += 1;
        entries_.insert(entries_.end(), batch->begin(), batch->end());
        if (waits_) {
          more_ = more;
        } else {
          more(true);
        }
      }
      changed_.notify_all();
    };
  }
  /// Waits for the next batch or the end.
  bool next() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(60), [&] { return more_ || ended_; }) &&
           !ended_;
  }
  void go_on(bool yes) {
    Peers::More more;
    {
      const std::lock_guard lock(mutex_);
      more = std::exchange(more_, {});
    }
    more(yes);
  }
  std::optional<Error> end() {
    std::unique_lock lock(mutex_);
    REQUIRE(changed_.wait_for(lock, std::chrono::seconds(60), [&] { return ended_; }));
    return error_;
  }
  const std::vector<Entry>& entries() const { return entries_; }
  size_t batches() const { return batches_; }
  bool ended() const { return ended_; }

 private:
  const bool waits_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Entry> entries_;
  std::optional<Error> error_;
  Peers::More more_;
  size_t batches_ = 0;
  bool ended_ = false;
};

struct Pair {
  PeerSide one{1};
  PeerSide two{2};
  Pair() { one.peers->set_members({two.member()}); }
};

}  // namespace

TEST_CASE("a pull brings the entries asked for, in order and whole") {
  Pair pair;
  const std::vector<Entry> log = test_entries(10'000, 500);
  pair.two.node.set_log(log);
  Taker taker;
  pair.one.peers->pull(pair.two.id, {Index(3), Index(9'001), {}}, taker.take());
  CHECK_FALSE(taker.end());
  REQUIRE(taker.entries().size() == 8'998);
  for (size_t i = 0; i < taker.entries().size(); ++i) {
    const Entry& entry = taker.entries()[i];
    const Entry& expected = log[i + 2];
    REQUIRE(entry.index == expected.index);
    REQUIRE(entry.term == expected.term);
    REQUIRE(entry.kind == expected.kind);
    REQUIRE(entry.base_offset == expected.base_offset);
    REQUIRE(entry.record_count == expected.record_count);
    REQUIRE(entry.recorded == expected.recorded);
    REQUIRE(entry.rules == expected.rules);
    REQUIRE(entry.bytes() == expected.bytes());
  }
}

TEST_CASE("a taker that waits makes the other side wait") {
  Pair pair;
  constexpr uint64_t count = 1'000;
  constexpr size_t bytes = 100'000;
  pair.two.node.set_log(test_entries(count, bytes));
  Taker taker(true);
  pair.one.peers->pull(pair.two.id, {Index(1), Index(count + 1), {}}, taker.take());
  REQUIRE(taker.next());
  // Messages pass meanwhile, and prove that what could be sent to the taker has been.
  for (uint64_t i = 1; i <= 200; ++i) {
    pair.one.send(pair.two.id, i);
    REQUIRE(pair.two.node.wait([=](MemoryPeer& node) { return node.heard.size() == i; }));
  }
  size_t asked = 0;
  pair.two.node.wait([&](MemoryPeer& node) {
    asked = node.asked.size();
    return true;
  });
  CHECK(asked * frame_bytes_wanted < 20 << 20);  // Of 100 MB.
  while (taker.next()) taker.go_on(true);
  CHECK_FALSE(taker.end());
  CHECK(taker.entries().size() == count);
}

TEST_CASE("a pull ends where the member has no more") {
  Pair pair;
  pair.two.node.set_log(test_entries(5, 10));
  Taker some, none;
  pair.one.peers->pull(pair.two.id, {Index(4), Index(100), {}}, some.take());
  CHECK_FALSE(some.end());
  CHECK(some.entries().size() == 2);
  pair.one.peers->pull(pair.two.id, {Index(6), Index(100), {}}, none.take());
  CHECK_FALSE(none.end());
  CHECK(none.batches() == 0);
}

TEST_CASE("who gives entries may pause, and the end of either side ends the pause") {
  for (const bool server_first : {false, true}) {
    CAPTURE(server_first);
    Pair pair;
    pair.two.node.set_log(test_entries(2, entry_bytes_max));
    pair.two.node.pause = std::chrono::hours(1);
    Taker taker(true);
    pair.one.peers->pull(pair.two.id, {Index(1), Index(3), {}}, taker.take());
    REQUIRE(taker.next());
    taker.go_on(true);
    if (server_first) {
      pair.two.server->stop({});
      REQUIRE(taker.end());
    }
    pair.one.peers->stop();
    CHECK(taker.batches() == 1);
  }
}

TEST_CASE("after a pause a pull goes on") {
  Pair pair;
  pair.two.node.set_log(test_entries(3, entry_bytes_max));
  pair.two.node.pause = std::chrono::milliseconds(1);
  Taker taker;
  pair.one.peers->pull(pair.two.id, {Index(1), Index(4), {}}, taker.take());
  CHECK_FALSE(taker.end());
  CHECK(taker.entries().size() == 3);
  CHECK(taker.batches() == 3);
}

TEST_CASE("a pull that is called off brings nothing more") {
  Pair pair;
  pair.two.node.set_log(test_entries(100, entry_bytes_max));
  Taker taker(true);
  pair.one.peers->pull(pair.two.id, {Index(1), Index(101), {}}, taker.take());
  REQUIRE(taker.next());
  taker.go_on(false);
  pair.one.peers->stop();
  CHECK(taker.batches() == 1);
  CHECK_FALSE(taker.ended());
}

TEST_CASE("a pull tells what the member answers, and when it can't be asked") {
  Pair pair;
  pair.two.node.fail_entries(Error{Code::corrupt_segment, "segment 4 is damaged"});
  Taker damaged;
  pair.one.peers->pull(pair.two.id, {Index(1), Index(2), {}}, damaged.take());
  CHECK(damaged.end()->code == Code::corrupt_segment);

  Taker unknown;
  pair.one.peers->pull(MemberId(9), {Index(1), Index(2), {}}, unknown.take());
  CHECK(unknown.end()->code == Code::unreachable);

  pair.two.server->stop({});
  Taker gone;
  pair.one.peers->pull(pair.two.id, {Index(1), Index(2), {}}, gone.take());
  CHECK(gone.end()->code == Code::unreachable);
}

TEST_CASE("a pull from another cluster, another member or before there is a node is refused") {
  PeerSide one(1), two(2, test_id(8)), three(3, test_id(7), false);
  raft::Member wrong = two.member();
  wrong.id = MemberId(4);
  one.peers->set_members({two.member(), three.member(), wrong});
  for (const auto& [from, code] :
       {std::pair(two.id, Code::cluster_id_mismatch), std::pair(three.id, Code::busy)}) {
    Taker taker;
    one.peers->pull(from, {Index(1), Index(2), {}}, taker.take());
    CHECK(taker.end()->code == code);
  }
  CHECK(two.server->peers_refused() >= 1);
}

TEST_CASE("a stop ends pulls that wait, run and begin") {
  auto pair = std::make_unique<Pair>();
  pair->two.node.set_log(test_entries(1'000, 100'000));
  std::deque<Taker> takers;
  for (int i = 0; i < 6; ++i) {
    Taker& taker = takers.emplace_back(i % 2 == 0);
    pair->one.peers->pull(pair->two.id, {Index(1), Index(1'001), {}}, taker.take());
  }
  REQUIRE(takers[0].next());
  pair->one.peers->stop();
  takers[0].go_on(true);  // Whoever has a batch may still ask.
  Taker late;
  pair->one.peers->pull(pair->two.id, {Index(1), Index(2), {}}, late.take());
  CHECK_FALSE(late.ended());
  pair.reset();
}
