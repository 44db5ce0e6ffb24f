// Exactly once, whatever is lost: calls, answers, processes, room.
#include "sql/kill.h"

#include <doctest/doctest.h>
#include <sys/mount.h>

#include <optional>
#include <random>

#include "sql/checks.h"
#include "sql/faulty_target.h"

namespace ledger::sql {

TEST_CASE("whatever call fails, before or after it was done, nothing is lost or written twice") {
  ScriptedSource source = random_source(21, 400);
  int failed = 0;
  for (const bool after : {false, true}) {
    for (int at = 0;; ++at) {
      const Scratch scratch;
      FaultyTarget::Plan plan;
      plan.fail_at = at;
      plan.after = after;
      Job job;
      job.batch_records = 100;
      job.open = [&]() -> Result<std::unique_ptr<Target>> {
        std::unique_ptr<Target> target = TRY(open_sqlite(scratch.opening(true)));
        return std::make_unique<FaultyTarget>(std::move(target), plan);
      };
      const Result<Summary> first = run(source, job);
      CAPTURE(at);
      CAPTURE(after);
      CAPTURE(plan.failed);
      if (plan.failed.empty()) {
        CHECK(first.value().count == 400);
        break;
      }
      ++failed;
      if (plan.failed == "commit") {
        // The watermark told what had happened, and every record was counted once.
        REQUIRE(first);
        CHECK(first->count == 400);
      } else {
        REQUIRE_FALSE(first);
        CHECK(first.error().code == Code::database_unreachable);
        REQUIRE(run(source, job).value().next_offset == Offset(400));
      }
      CHECK(differences(scratch, source) == Lines{"0"});
    }
  }
  CHECK(failed > 60);
}

TEST_CASE("a follower reconnects whatever call fails") {
  ScriptedSource source = random_source(22, 300);
  for (int at = 0; at < 30; at += 3) {
    const Scratch scratch;
    FaultyTarget::Plan plan;
    plan.fail_at = at;
    Job job;
    job.batch_records = 100;
    job.follow = true;
    job.to = Offset(300);
    job.again = [](const Error&) { return true; };
    job.open = [&]() -> Result<std::unique_ptr<Target>> {
      std::unique_ptr<Target> target = TRY(open_sqlite(scratch.opening(true)));
      return std::make_unique<FaultyTarget>(std::move(target), plan);
    };
    const Summary summary = run(source, job).value();
    CHECK(summary.count == 300);
    CHECK(differences(scratch, source) == Lines{"0"});
  }
}

TEST_CASE("two projectors on one file at once write each record once") {
  ScriptedSource source = random_source(23, 600);
  const Scratch scratch;
  Job job;
  job.open = [&] { return open_sqlite(scratch.opening(true)); };
  job.batch_records = 50;
  // Between any two batches of the first, the second writes some; and the other way round.
  int depth = 0;
  uint64_t counted = 0;
  job.progress = [&](const Progress&) {
    if (depth > 0) return;
    ++depth;
    ScriptedSource again = random_source(23, 600);
    Job other = job;
    other.batch_records = 30;
    int asked = 0;
    other.stop = [&asked] { return ++asked > 1; };  // after one batch
    other.progress = [](const Progress&) {};
    const Result<Summary> ran = run(again, other);
    REQUIRE(ran);
    counted += ran->count;
    --depth;
  };
  const Summary summary = run(source, job).value();
  CHECK(summary.next_offset == Offset(600));
  CHECK(counted > 100);
  CHECK(summary.count + counted == 600);
  CHECK(differences(scratch, source) == Lines{"0"});
}

TEST_CASE("a full disk stops a run, and it goes on when there is room") {
  const Scratch scratch;
  if (mount("none", scratch.directory().c_str(), "tmpfs", 0, "size=600k") != 0) {
    MESSAGE("skipped: only root can mount a small disk");
    return;
  }
  ScriptedSource source = random_source(24, 2000);
  Job job;
  job.open = [&] { return open_sqlite(scratch.opening(true)); };
  job.batch_records = 100;
  const Result<Summary> full = run(source, job);
  REQUIRE_FALSE(full);
  CHECK(full.error().code == Code::no_space);
  CHECK(differences(scratch, source) == Lines{"0"});
  REQUIRE(mount("none", scratch.directory().c_str(), "tmpfs", MS_REMOUNT, "size=100m") == 0);
  CHECK(run(source, job).value().next_offset == Offset(2000));
  CHECK(differences(scratch, source) == Lines{"0"});
  umount2(scratch.directory().c_str(), MNT_DETACH);
}

TEST_CASE("a projector that is killed at any moment goes on where it was") {
  const std::string child = replay_child();
  std::mt19937_64 random(31);
  ScriptedSource source = random_source(31, 3000);
  std::optional<Scratch> scratch(std::in_place);
  int killed = 0;
  const int kills = kill_count(25);
  for (int i = 0; i < kills; ++i) {
    const std::string target = "sqlite:" + scratch->path().string();
    if (run_child({child, target, "31", "3000", kill_moment(random)}) != 0) {
      ++killed;
    }
    const std::string next = shell(*scratch, "SELECT next_offset FROM replay");
    if (next.empty() || next.starts_with("error: no such table")) continue;  // not made yet
    CHECK(differences(*scratch, source) == Lines{"0"});
    if (next == "3000") scratch.emplace();
  }
  MESSAGE(killed, " of ", kills, " were killed under way");
  const std::string target = "sqlite:" + scratch->path().string();
  CHECK(run_child({child, target, "31", "3000"}) == 0);
  CHECK(differences(*scratch, source) == Lines{"0"});
}

}  // namespace ledger::sql
