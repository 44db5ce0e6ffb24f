#include "serf/core/coalescer.h"

#include <doctest/doctest.h>

#include "serf/sim/network.h"

namespace serf {

namespace {

using Kind = MemberNotice::Kind;

Notice member(const std::string& name, Kind kind) {
  MemberNotice notice{kind, {}};
  notice.member.name = name;
  return notice;
}

Notice event(const std::string& name, uint64_t ltime, const std::string& payload,
             bool coalesce = true) {
  return UserEventNotice{ltime, name, payload, coalesce};
}

std::string text(const std::vector<Notice>& notices) {
  std::string out;
  for (const Notice& notice : notices) {
    if (!out.empty()) out += ", ";
    if (const auto* change = std::get_if<MemberNotice>(&notice)) {
      out += change->member.name + ' ' + word(change->kind);
    } else if (const auto* happened = std::get_if<UserEventNotice>(&notice)) {
      out += happened->name + '=' + happened->payload;
    } else {
      out += std::holds_alternative<Stopped>(notice) ? "stopped" : "other";
    }
  }
  return out;
}

/// A coalescer and what it has let through, in words.
struct Held {
  std::string pass(int64_t at_ms, std::vector<Notice> notices, bool last = false) {
    coalescer.pass(Instant{0} + milliseconds(at_ms), last, notices);
    return text(notices);
  }
  int64_t wake_ms() const { return (coalescer.wake() - Instant{0}).us / 1'000; }

  Limits limits;
  Coalescer coalescer{agent_coalescing, agent_coalescing, limits};
};

}  // namespace

TEST_CASE("of a member only its newest notice is told, after a second of quiet") {
  Held held;
  CHECK(held.coalescer.wake() == never);
  CHECK(held.pass(0, {member("b", Kind::join), member("a", Kind::join)}) == "");
  CHECK(held.wake_ms() == 1'000);
  CHECK(held.pass(600, {member("b", Kind::failed)}) == "");
  CHECK(held.wake_ms() == 1'600);
  CHECK(held.pass(1'599, {}) == "");
  CHECK(held.pass(1'600, {}) == "a join, b failed");
  CHECK(held.coalescer.wake() == never);
}

TEST_CASE("a burst without end is told every three seconds") {
  Held held;
  for (int64_t at_ms = 0; at_ms < 3'000; at_ms += 500) {
    CHECK(held.pass(at_ms, {member("m" + std::to_string(at_ms), Kind::join)}) == "");
  }
  CHECK(held.wake_ms() == 3'000);
  CHECK(held.pass(3'000, {}) ==
        "m0 join, m1000 join, m1500 join, m2000 join, m2500 join, m500 join");
}

TEST_CASE("what was told of a member last is not told again, but for an update") {
  Held held;
  held.pass(0, {member("a", Kind::join)});
  CHECK(held.pass(1'000, {}) == "a join");
  held.pass(2'000, {member("a", Kind::failed), member("a", Kind::join)});
  CHECK(held.pass(3'000, {}) == "");
  held.pass(4'000, {member("a", Kind::update)});
  CHECK(held.pass(5'000, {}) == "a update");
  held.pass(6'000, {member("a", Kind::update)});
  CHECK(held.pass(7'000, {}) == "a update");
}

TEST_CASE("a member that was reaped is told anew") {
  Held held;
  for (int64_t at_ms : {0, 10'000}) {
    held.pass(at_ms, {member("a", Kind::join)});
    CHECK(held.pass(at_ms + 1'000, {}) == "a join");
    held.pass(at_ms + 2'000, {member("a", Kind::reap)});
    CHECK(held.pass(at_ms + 3'000, {}) == "a reap");
  }
}

TEST_CASE("of user events of one name those of the newest time are told") {
  Held held;
  held.pass(0, {event("deploy", 4, "old"), event("deploy", 5, "x"), event("deploy", 5, "y"),
                event("deploy", 3, "older"), event("backup", 1, "z")});
  CHECK(held.pass(1'000, {}) == "backup=z, deploy=x, deploy=y");
}

TEST_CASE("an event that must not be coalesced, and every other notice, passes at once") {
  Held held;
  CHECK(held.pass(0, {event("a", 1, "held"), event("a", 2, "now", false), Admitted{}}) ==
        "a=now, other");
}

TEST_CASE("no more user events are held back than the limit says") {
  Held held;
  held.limits.coalesced_events_max = 2;
  held.coalescer = Coalescer(agent_coalescing, agent_coalescing, held.limits);
  CHECK(held.pass(0, {event("a", 1, "1"), event("b", 1, "2"), event("c", 1, "3")}) == "c=3");
  CHECK(held.pass(1'000, {}) == "a=1, b=2");
  CHECK(held.pass(2'000, {event("c", 2, "4")}) == "");
}

TEST_CASE("what is held back is told before the end") {
  Held held;
  CHECK(held.pass(0, {member("a", Kind::leave), Stopped{true, "left"}}, true) ==
        "a leave, stopped");
}

TEST_CASE("in a cluster a member that fails and comes back at once is not worth a word") {
  sim::Network network(1);
  for (size_t i = 0; i < 4; ++i) {
    network.add("m" + std::to_string(i), [&](Config& config) {
      if (i == 0) config.coalesce_members = {seconds(300), seconds(120)};
    });
    if (i > 0) network.command(i, Join{{network.address(0)}});
  }
  const auto said = [&](size_t viewer) {
    std::string out;
    for (const sim::Told& told : network.told(viewer)) {
      const auto* change = std::get_if<MemberNotice>(&told.notice);
      if (change != nullptr && change->member.name == "m3") out += word(change->kind), out += ' ';
    }
    return out;
  };
  network.run_for(seconds(130));
  CHECK(said(0) == "join ");
  network.crash(3);
  REQUIRE(
      network.run_until_true([&] { return network.view(0, 3) == Status::failed; }, seconds(60)));
  network.restart(3);
  network.run_for(seconds(200));
  CHECK(network.view(0, 3) == Status::alive);
  CHECK(said(0) == "join ");
  CHECK(said(1) == "join failed join ");
}

}  // namespace serf
