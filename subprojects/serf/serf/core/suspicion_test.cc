#include "serf/core/suspicion.h"

#include <doctest/doctest.h>

#include "serf/core/broadcasts.h"

namespace serf {

TEST_CASE("a suspicion lasts as the table of the specification says") {
  struct Row {
    size_t n;
    int64_t none_ms;
    int64_t one_ms;
    int64_t two_ms;
  };
  for (const Row& row :
       {Row{2, 4'000, 4'000, 4'000}, Row{3, 4'000, 4'000, 4'000}, Row{4, 24'000, 11'381, 4'000},
        Row{10, 24'000, 11'381, 4'000}, Row{100, 48'000, 22'762, 8'000}}) {
    CAPTURE(row.n);
    Suspicion suspicion(lan_profile(), row.n, "first", Instant{0});
    CHECK(suspicion.deadline() == Instant{0} + milliseconds(row.none_ms));
    CHECK_FALSE(suspicion.confirm("first"));
    CHECK(suspicion.confirm("second") == (row.n >= 4));
    CHECK(suspicion.deadline() == Instant{0} + milliseconds(row.one_ms));
    CHECK_FALSE(suspicion.confirm("second"));
    suspicion.confirm("third");
    CHECK(suspicion.deadline() == Instant{0} + milliseconds(row.two_ms));
    CHECK_FALSE(suspicion.confirm("fourth"));
  }
}

TEST_CASE("health stays between 0 and 7") {
  Health health(8);
  health.add(-1);
  CHECK(health.score() == 0);
  health.add(100);
  CHECK(health.score() == 7);
}

TEST_CASE("a broadcast is sent as often as the cluster is large, the least sent first") {
  CHECK(retransmit_limit(4, 1) == 4);
  CHECK(retransmit_limit(4, 9) == 4);
  CHECK(retransmit_limit(4, 99) == 8);
  Broadcasts queue(3);
  const uint64_t old_news = queue.push("old", "about");
  size_t budget = 100;
  std::vector<std::string> out;
  queue.take(budget, 2, 2, 10, out);
  CHECK(budget == 95);
  queue.push("new");
  budget = 5;  // Room for one: the one that was sent less often.
  out.clear();
  queue.take(budget, 2, 2, 10, out);
  CHECK(out == std::vector<std::string>{"new"});
  const uint64_t replacing = queue.push("fresh", "about");
  CHECK_FALSE(queue.holds(old_news));
  CHECK(queue.holds(replacing));
  queue.push("more");
  queue.push("most");
  CHECK(queue.size() == 3);
  for (int i = 0; i < 2; ++i) {
    budget = 100;
    out.clear();
    queue.take(budget, 2, 2, 10, out);
  }
  CHECK(queue.empty());
}

}  // namespace serf
