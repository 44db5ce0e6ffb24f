// Large clusters on a lossy virtual network: what SWIM and Lifeguard promise, and the figures.

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <set>

#include "serf/sim/network.h"

namespace serf::sim {

namespace {

using Kind = MemberNotice::Kind;

/// `count` members that know each other, joined through the first.
void form(Network& network, size_t count, const std::function<void(Config&)>& adjust = {}) {
  for (size_t i = 0; i < count; ++i) {
    network.add("m" + std::to_string(i), adjust);
    if (i > 0) network.command(i, Join{{network.address(0)}});
    network.run_for(milliseconds(20));
  }
  const bool formed = network.run_until_true(
      [&] {
        for (size_t i = 0; i < count; ++i) {
          if (network.node(i).members().size() != count) return false;
        }
        return true;
      },
      seconds(120));
  REQUIRE(formed);
}

size_t failures_told(const Network& network, size_t viewer, const std::set<std::string>& except,
                     Instant since) {
  size_t count = 0;
  for (const Told& told : network.told(viewer)) {
    const auto* notice = std::get_if<MemberNotice>(&told.notice);
    count += notice != nullptr && notice->kind == Kind::failed && told.at >= since &&
             !except.contains(notice->member.name);
  }
  return count;
}

/// All members that are up list everybody as that.
bool all_see(Network& network, const std::set<size_t>& subjects, Status status) {
  for (size_t i = 0; i < network.size(); ++i) {
    if (!network.up(i)) continue;
    for (size_t subject : subjects) {
      if (network.view(i, subject) != status) return false;
    }
  }
  return true;
}

/// When the first member that is up was told that `name` failed.
Instant first_told(const Network& network, const std::string& name) {
  Instant first = never;
  for (size_t i = 0; i < network.size(); ++i) {
    for (const Told& told : network.told(i)) {
      const auto* notice = std::get_if<MemberNotice>(&told.notice);
      if (notice != nullptr && notice->kind == Kind::failed && notice->member.name == name) {
        first = std::min(first, told.at);
      }
    }
  }
  return first;
}

/// Everybody is probed once a round by each member, so a crash meets a probe within a round of one
/// member at the latest and by the round-robin rule of SWIM, section 4.3; then the suspicion lasts
/// at most as long as without any confirmation. Spreading takes a multiple of log n gossip rounds.
Duration detection_bound(size_t n) {
  const double scale = std::max(1.0, std::log10(static_cast<double>(n)));
  const auto suspicion_max = static_cast<int64_t>(4 * 6 * scale * 1e6);
  const auto spread =
      static_cast<int64_t>(8 * std::ceil(std::log2(static_cast<double>(n))) * 200e3);
  // First probe: of n - 1 members probing at random, the chance that none picks the dead one for 8
  // s is below 1 in 3000; its probe ends after 1 s, or up to 8 s if the prober is in bad health.
  return seconds(8) + seconds(8) + Duration{suspicion_max} + Duration{spread};
}

}  // namespace

TEST_CASE("every crash among 60 members at 5 % loss is seen by all within the bound") {
  double slowest_first = 0;
  double slowest_all = 0;
  double sum_first = 0;
  int crashes = 0;
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    CAPTURE(seed);
    Network network(seed,
                    {.loss = 0.05, .delay_min = milliseconds(1), .delay_max = milliseconds(20)});
    form(network, 60);
    network.run_for(seconds(10));
    const size_t victim = 1 + seed * 7 % 59;
    const Instant crashed = network.now();
    network.crash(victim);
    const bool seen = network.run_until_true(
        [&] { return all_see(network, {victim}, Status::failed); }, detection_bound(60));
    REQUIRE(seen);
    const double first = (first_told(network, "m" + std::to_string(victim)) - crashed).seconds();
    const double all = (network.now() - crashed).seconds();
    slowest_first = std::max(slowest_first, first);
    slowest_all = std::max(slowest_all, all);
    sum_first += first;
    ++crashes;
    for (size_t i = 0; i < network.size(); ++i) {
      if (network.up(i)) {
        CHECK(failures_told(network, i, {"m" + std::to_string(victim)}, Instant{}) == 0);
      }
    }
  }
  std::printf(
      "sim: 60 members, 5 %% loss, %d crashes: first told after %.1f s on average, %.1f s at most; "
      "all told after %.1f s at most (bound %.0f s)\n",
      crashes, sum_first / crashes, slowest_first, slowest_all, detection_bound(60).seconds());
}

TEST_CASE("ten minutes of 50 healthy members at 5 % loss bring no false failure") {
  Network network(21, {.loss = 0.05, .delay_min = milliseconds(1), .delay_max = milliseconds(20)});
  form(network, 50);
  network.run_for(seconds(600));
  size_t wrong = 0;
  uint64_t suspicions = 0;
  for (size_t i = 0; i < network.size(); ++i) {
    wrong += failures_told(network, i, {}, Instant{});
    suspicions += network.node(i).stats().refutations;
  }
  CHECK(wrong == 0);
  std::printf("sim: 50 members, 5 %% loss, 600 s: %zu false failures, %llu refutations\n", wrong,
              static_cast<unsigned long long>(suspicions));
}

/// Wrong failures that were told while 5 of 50 members stood still a part of the time.
struct FalseFailures {
  size_t of_healthy = 0;
  size_t of_slow = 0;
};

FalseFailures with_slow_members(uint64_t seed, Duration still_max, int awareness_max,
                                int suspicion_max_timeout_mult) {
  Network network(seed,
                  {.loss = 0.05, .delay_min = milliseconds(1), .delay_max = milliseconds(20)});
  form(network, 50, [&](Config& config) {
    config.profile.awareness_max = awareness_max;
    config.profile.suspicion_max_timeout_mult = suspicion_max_timeout_mult;
  });
  Random random(seed);
  std::set<std::string> slow;
  for (size_t i = 0; i < 5; ++i) slow.insert("m" + std::to_string(10 * i + 3));
  const Instant begin = network.now();
  for (int round = 0; round < 30; ++round) {
    for (size_t i = 0; i < 5; ++i) {
      const Duration still{static_cast<int64_t>(random.below(static_cast<uint64_t>(still_max.us)))};
      network.pause(10 * i + 3, network.now() + still);
    }
    network.run_for(seconds(10));
  }
  FalseFailures told;
  for (size_t i = 0; i < network.size(); ++i) {
    const size_t healthy = failures_told(network, i, slow, begin);
    told.of_healthy += healthy;
    told.of_slow += failures_told(network, i, {}, begin) - healthy;
  }
  network.run_for(seconds(60));
  std::set<size_t> everybody;
  for (size_t i = 0; i < network.size(); ++i) everybody.insert(i);
  CHECK(all_see(network, everybody, Status::alive));
  return told;
}

// Lifeguard does not promise that nobody is ever wrongly declared failed, but that it happens less
// often than by plain SWIM. One telling counts once for each member that is told.
TEST_CASE(
    "slow members cause fewer wrong failures than by plain SWIM, and hardly any of the healthy") {
  FalseFailures with;
  FalseFailures without;
  const Profile profile = lan_profile();
  for (uint64_t seed = 41; seed < 43; ++seed) {
    CAPTURE(seed);
    const FalseFailures guarded = with_slow_members(seed, seconds(5), profile.awareness_max,
                                                    profile.suspicion_max_timeout_mult);
    const FalseFailures plain = with_slow_members(seed, seconds(5), 1, 1);
    with.of_healthy += guarded.of_healthy;
    with.of_slow += guarded.of_slow;
    without.of_healthy += plain.of_healthy;
    without.of_slow += plain.of_slow;
  }
  std::printf(
      "sim: 5 of 50 members stand still up to 5 s out of 10, 2 x 300 s: wrong failures told of "
      "healthy "
      "members %zu (plain SWIM: %zu), of slow ones %zu (plain SWIM: %zu)\n",
      with.of_healthy, without.of_healthy, with.of_slow, without.of_slow);
  CHECK(with.of_healthy <= 1);
  CHECK(with.of_healthy + with.of_slow <= without.of_healthy + without.of_slow);
}

TEST_CASE("after a partition heals, all views become one again") {
  Network network(23, {.loss = 0.05});
  form(network, 50);
  std::map<size_t, int> groups;
  std::set<size_t> left_side;
  std::set<size_t> right_side;
  for (size_t i = 0; i < 50; ++i) {
    groups[i] = i < 20 ? 1 : 2;
    (i < 20 ? left_side : right_side).insert(i);
  }
  network.partition(groups);
  const auto cut = [&] {
    return std::ranges::all_of(left_side, [&](size_t i) {
      return std::ranges::all_of(right_side, [&](size_t j) {
        return network.view(i, j) == Status::failed && network.view(j, i) == Status::failed;
      });
    });
  };
  const Instant parted = network.now();
  REQUIRE(network.run_until_true(cut, seconds(180)));
  const double to_part = (network.now() - parted).seconds();
  network.run_for(seconds(60));  // Memberlist has forgotten the dead; only Serf remembers them.
  network.partition({});
  std::set<size_t> everybody = left_side;
  everybody.insert(right_side.begin(), right_side.end());
  const Instant healed = network.now();
  REQUIRE(network.run_until_true([&] { return all_see(network, everybody, Status::alive); },
                                 seconds(120)));
  std::printf("sim: 50 members cut 20 to 30: parted after %.1f s, one again %.1f s after healing\n",
              to_part, (network.now() - healed).seconds());
}

TEST_CASE("departures, crashes, restarts and changes in a storm end in one view") {
  for (uint64_t seed = 31; seed <= 33; ++seed) {
    CAPTURE(seed);
    Network network(seed,
                    {.loss = 0.1, .delay_min = milliseconds(1), .delay_max = milliseconds(50)});
    form(network, 50);
    Random random(seed);
    std::map<size_t, std::string> zones;
    for (int round = 0; round < 40; ++round) {
      const size_t one = 1 + random.below(49);
      const uint64_t what = random.below(4);
      if (!network.up(one)) {
        network.restart(one);
        network.command(one, Join{{network.address(0)}});
        zones.erase(one);
      } else if (what == 0) {
        network.crash(one);
      } else if (what == 1) {
        network.command(one, Leave{});
      } else {
        zones[one] = "z" + std::to_string(round);
        network.command(one, SetTags{{{"zone", zones[one]}}});
      }
      network.run_for(seconds(2));
    }
    const auto settled = [&] {
      for (size_t i = 0; i < network.size(); ++i) {
        if (!network.up(i)) continue;
        for (size_t j = 0; j < network.size(); ++j) {
          const Status view = network.view(i, j);
          if (network.up(j) != (view == Status::alive)) return false;
          const auto zone = zones.find(j);
          if (!network.up(j) || zone == zones.end()) continue;
          if (network.node(i).members().at("m" + std::to_string(j)).tags.at("zone") !=
              zone->second) {
            return false;
          }
        }
      }
      return true;
    };
    CHECK(network.run_until_true(settled, seconds(180)));
  }
}

TEST_CASE("five members at rest send little") {
  Network network(24);
  form(network, 5);
  network.run_for(seconds(60));
  uint64_t before = 0;
  for (size_t i = 0; i < 5; ++i) before += network.node(i).stats().bytes_sent;
  const uint64_t steps = network.steps();
  network.run_for(seconds(600));
  uint64_t after = 0;
  for (size_t i = 0; i < 5; ++i) after += network.node(i).stats().bytes_sent;
  const double bytes_per_second = static_cast<double>(after - before) / 600 / 5;
  CHECK(bytes_per_second < 4'096);
  std::printf("sim: 5 members at rest: %.0f B/s of packets sent by each, %.1f steps/s each\n",
              bytes_per_second, static_cast<double>(network.steps() - steps) / 600 / 5);
}

TEST_CASE("a minute of 200 members runs the same way twice") {
  uint64_t traces[2];
  double cpu[2];
  for (int run = 0; run < 2; ++run) {
    Network network(25, {.loss = 0.05});
    form(network, 200);
    const std::clock_t begin = std::clock();
    network.run_for(seconds(60));
    cpu[run] = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
    traces[run] = network.trace();
  }
  CHECK(traces[0] == traces[1]);
  std::printf("sim: a minute of 200 members took %.2f s of processor time\n",
              std::min(cpu[0], cpu[1]));
}

}  // namespace serf::sim
