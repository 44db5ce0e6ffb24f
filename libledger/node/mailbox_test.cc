#include "node/mailbox.h"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>

using namespace ledger;
using Box = node::Mailbox<int>;

namespace {

constexpr Duration for_ever = std::chrono::hours(1);

/// A box whose thread waits in `take`, as the loop's does, and has what it took added up.
struct Looked {
  Box box{1'000'000};
  std::atomic<int> sum = 0;
  std::atomic<int> turns = 0;
  std::vector<int> events;  ///< The taker's, whoever that is, as in Node.
  std::thread thread{[this] {
    while (box.take(events, for_ever)) {
      for (const int event : events) sum += event;
      ++turns;
    }
  }};

  void end() {
    box.close();
    thread.join();
  }
};

/// Returns once the thread waits: only then something can be claimed.
void let_it_wait(Box& box) {
  std::vector<int> events;
  do {
    CHECK_FALSE(box.put(0));
  } while (!box.claim(events));
  box.yield(false);
}

}  // namespace

TEST_CASE("before the first take there is nothing to claim") {
  Box box(10);
  std::vector<int> events;
  CHECK_FALSE(box.put(1));
  CHECK_FALSE(box.claim(events));
  CHECK(box.take(events, for_ever));
  CHECK(events == std::vector{1});
  CHECK_FALSE(box.put(2));
  CHECK_FALSE(box.claim(events));  // We are the taker until we take again.
}

TEST_CASE("a claim has what was put, and nobody else does") {
  Looked looked;
  let_it_wait(looked.box);
  const int turns = looked.turns;
  std::vector<int> mine;
  CHECK_FALSE(looked.box.put(7));
  CHECK(looked.box.claim(mine));
  CHECK(mine == std::vector{7});
  CHECK_FALSE(looked.box.post(1));
  std::vector<int> other;
  CHECK_FALSE(looked.box.claim(other));
  looked.box.yield(false);  // What came meanwhile wakes the thread.
  while (looked.sum != 1) std::this_thread::yield();
  looked.end();
  CHECK(looked.turns == turns + 1);
}

TEST_CASE("what a claim has seen to does not come again") {
  Looked looked;
  let_it_wait(looked.box);
  const int turns = looked.turns;
  CHECK_FALSE(looked.box.put(7));
  CHECK(looked.box.claim(looked.events));
  looked.box.yield(true);
  while (looked.turns != turns + 1) std::this_thread::yield();
  CHECK(looked.sum == 0);
  CHECK_FALSE(looked.box.post(1));
  while (looked.sum != 1) std::this_thread::yield();
  looked.end();
}

TEST_CASE("after the end there is no claim, and the thread gets the rest") {
  Looked looked;
  let_it_wait(looked.box);
  std::vector<int> mine;
  CHECK_FALSE(looked.box.put(7));
  CHECK(looked.box.claim(mine));
  CHECK_FALSE(looked.box.put(5));
  looked.box.close();
  CHECK(looked.box.put(6) == 6);
  looked.box.yield(false);
  looked.thread.join();
  CHECK_FALSE(looked.box.claim(mine));
  CHECK(looked.sum == 5);
}

TEST_CASE("each event comes to one taker, one at a time") {
  Looked looked;
  constexpr int each = 20'000;
  std::atomic<int> claimed = 0;
  std::atomic<int> takers = 0;
  std::atomic<bool> crowded = false;
  const auto bring = [&] {
    std::vector<int> events;
    for (int i = 0; i < each; ++i) {
      if (i % 3 == 0) {
        CHECK_FALSE(looked.box.post(1));
        continue;
      }
      CHECK_FALSE(looked.box.put(1));
      if (!looked.box.claim(events)) {
        looked.box.wake();
        continue;
      }
      if (++takers > 1) crowded = true;
      for (const int event : events) claimed += event;
      --takers;
      looked.box.yield(i % 100 == 0);
    }
  };
  std::thread one(bring), two(bring);
  one.join();
  two.join();
  looked.end();
  CHECK_FALSE(crowded);
  CHECK(looked.sum + claimed == 2 * each);
}
