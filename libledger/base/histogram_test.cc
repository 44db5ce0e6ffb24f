#include "base/histogram.h"

#include <doctest/doctest.h>

using namespace ledger;
using namespace std::chrono_literals;

TEST_CASE("every length lies in the bucket whose bounds hold it") {
  for (int64_t ns = 0; ns < 60'000'000'000; ns = ns * 21 / 20 + 1) {
    CAPTURE(ns);
    Histogram histogram;
    histogram.add(Duration(ns));
    size_t at = 0;
    while (histogram.in_bucket(at) == 0) ++at;
    const auto [from, end] = Histogram::bounds(at);
    CHECK(from.count() <= ns);
    CHECK(ns < end.count());
    CHECK((end - from <= std::max<Duration>(64ns, from / 16)));
  }
}

TEST_CASE("a quantile is off by a thirty-second of itself at most") {
  Histogram histogram;
  for (int64_t us = 1; us <= 1000; ++us) histogram.add(Duration(us * 1000));
  CHECK(histogram.count() == 1000);
  CHECK(histogram.sum() == 500'500us);
  for (const double q : {0.01, 0.5, 0.9, 0.99, 1.0}) {
    CAPTURE(q);
    const double found = static_cast<double>(histogram.quantile(q).count());
    CHECK(found == doctest::Approx(q * 1e6).epsilon(0.034));
  }
  CHECK(Histogram().quantile(0.5) == 0ns);
}

TEST_CASE("what is below a power of two is counted exactly") {
  Histogram histogram;
  for (int64_t ns : {0, 63, 64, 1023, 1024, 1025, 65'535, 65'536}) histogram.add(Duration(ns));
  CHECK(histogram.count_below(6) == 2);
  CHECK(histogram.count_below(10) == 4);
  CHECK(histogram.count_below(16) == 7);
  CHECK(histogram.count_below(17) == 8);
}

TEST_CASE("lengths beyond all buckets count, in the last") {
  Histogram histogram;
  histogram.add(24h);
  histogram.add(-1s);
  CHECK(histogram.count() == 2);
  CHECK(histogram.in_bucket(Histogram::buckets - 1) == 1);
  CHECK(histogram.in_bucket(0) == 1);
}

TEST_CASE("the difference of two copies is what came in between") {
  Histogram before;
  before.add(1ms);
  Histogram after = before;
  after.add(4ms);
  after.add(4ms);
  const Histogram rest = after.since(before);
  CHECK(rest.count() == 2);
  CHECK(rest.sum() == 8ms);
  CHECK(rest.quantile(0) == rest.quantile(1));
  before.add(rest);
  CHECK(before.sum() == after.sum());
}
