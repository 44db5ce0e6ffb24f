#include "dev/life.h"

#include <doctest/doctest.h>

namespace ledger::dev {
namespace {

using namespace std::chrono_literals;

constexpr io::Exit killed{.signal = 9};

/// A node that runs and is ready since the beginning.
Life running() {
  Life life;
  life.want(Desired::running);
  life.started(Instant());
  life.ready();
  return life;
}

TEST_CASE("a node is started once it is wanted, and ready when it says so") {
  Life life;
  CHECK_FALSE(life.start_at());
  life.want(Desired::running);
  CHECK(life.start_at() == Instant());
  life.started(Instant());
  CHECK(life.state() == State::starting);
  CHECK_FALSE(life.start_at());
  life.ready();
  CHECK(life.state() == State::ready);
}

TEST_CASE("each crash makes it wait twice as long, and the fifth in a minute is the last") {
  Life life = running();
  Instant now;
  for (const Duration wait : {Duration(500ms), Duration(1s), Duration(2s), Duration(4s)}) {
    CHECK(life.ended(now, killed, {}));
    CHECK(life.state() == State::backoff);
    CHECK(life.start_at() == now + wait);
    now = *life.start_at();
    life.started(now);
  }
  CHECK(life.restarts() == 4);
  CHECK(life.ended(now, killed, {}));
  CHECK(life.state() == State::crash_loop);
  CHECK_FALSE(life.start_at());
  life.want(Desired::running);
  CHECK(life.start_at() == Instant());
}

TEST_CASE("slow crashes never wait longer than ten seconds, and a minute's run forgives") {
  Life life = running();
  Instant now;
  for (int i = 0; i < 10; ++i) {
    now = now + 30s;
    CHECK(life.ended(now, killed, {}));
    REQUIRE(life.state() == State::backoff);
    CHECK(life.backoff() <= Duration(10s));
    life.started(now);
  }
  CHECK(life.backoff() == Duration(10s));
  CHECK(life.ended(now + 61s, killed, {}));
  CHECK(life.backoff() == Duration(500ms));
}

TEST_CASE("an exit code that would come again is final, others are not") {
  for (const int code : {0, 64, 65, 66, 73, 77, 78}) {
    CAPTURE(code);
    Life life = running();
    CHECK(life.ended(Instant(), {.code = code}, {}));
    CHECK(life.state() == State::exited);
  }
  for (const int code : {1, 70, 74}) {
    CAPTURE(code);
    Life life = running();
    CHECK(life.ended(Instant(), {.code = code}, {}));
    CHECK(life.state() == State::backoff);
  }
}

TEST_CASE("what was told to stop stays down, however it ended") {
  for (const io::Exit& exit : {io::Exit{}, killed, io::Exit{.code = 74}}) {
    Life life = running();
    life.want(Desired::stopped);
    CHECK(life.runs());
    CHECK_FALSE(life.ended(Instant(), exit, {}));
    CHECK(life.state() == State::stopped);
    CHECK_FALSE(life.start_at());
  }
}

TEST_CASE("one that is started again on purpose neither waits nor counts as crashed") {
  Life life = running();
  for (int i = 0; i < 20; ++i) {
    life.want_again();
    CHECK_FALSE(life.ended(Instant(), killed, {}));
    CHECK(life.start_at() == Instant());
    life.started(Instant());
    life.ready();
  }
  CHECK(life.backoff() == Duration(500ms));
}

TEST_CASE("with no restarts the first end is the last") {
  Life life = running();
  CHECK(life.ended(Instant(), killed, {.restart = false}));
  CHECK(life.state() == State::exited);
}

TEST_CASE("a paused node runs, and one that is killed then is started again") {
  Life life = running();
  life.want(Desired::paused);
  CHECK(life.state() == State::paused);
  CHECK(life.runs());
  CHECK(life.ended(Instant(), killed, {}));
  CHECK(life.state() == State::backoff);
  CHECK(life.desired() == Desired::running);
}

TEST_CASE("every state and wish is found again by its name") {
  for (int i = 0; i < 7; ++i) {
    const auto state = static_cast<State>(i);
    CHECK(state_named(name(state)) == state);
  }
  for (int i = 0; i < 3; ++i) {
    const auto desired = static_cast<Desired>(i);
    CHECK(desired_named(name(desired)) == desired);
  }
  CHECK_FALSE(state_named("gone"));
}

}  // namespace
}  // namespace ledger::dev
