// PostgreSQL: exactly once, whatever is lost or killed.
#include <doctest/doctest.h>

#include <random>

#include "sql/faulty_target.h"
#include "sql/kill.h"
#include "sql/postgres_fixture.h"

namespace ledger::sql {

TEST_CASE("a second projector is told who has the target") {
  PostgresServer& postgres = server();
  const std::unique_ptr<Target> first = open_target(postgres.opening(true), "").value();
  REQUIRE(first->lock());
  Opening opening = postgres.opening(true);
  opening.lock_timeout = Duration(10'000'000);
  const std::unique_ptr<Target> second = open_target(opening, "").value();
  const Result<void> locked = second->lock();
  REQUIRE_FALSE(locked);
  CHECK(locked.error().code == Code::replay_locked);
  CHECK(locked.error().message.starts_with(
      "another replay 'default' holds schema ledger of postgresql:///postgres (pid " +
      std::to_string(getpid()) + " on host "));
}

TEST_CASE("a projector whose lock was lost writes nothing twice") {
  PostgresServer& postgres = server();
  ScriptedSource source = random_source(13, 1000);
  // The first stops in the middle of the run while another, without the lock, writes the rest.
  Job job = job_for(postgres);
  job.batch_records = 100;
  bool other_ran = false;
  job.progress = [&](const Progress& progress) {
    if (other_ran || progress.next_offset < Offset(300)) return;
    other_ran = true;
    postgres.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE pid <> pg_backend_pid() AND application_name LIKE 'ledgerctl%'");
    Job second = job_for(postgres);
    CHECK(run(source, second).value().next_offset == Offset(1000));
  };
  job.follow = true;
  job.to = Offset(1000);
  job.again = [](const Error& error) { return error.code == Code::database_unreachable; };
  const Summary summary = run(source, job).value();
  CHECK(other_ran);
  CHECK(summary.next_offset == Offset(1000));
  CHECK(summary.count == 300);
  CHECK(differences(postgres, source) == Lines{"0"});
}

TEST_CASE("a projector that is killed at any moment goes on where it was in PostgreSQL") {
  PostgresServer& postgres = server();
  std::mt19937_64 random(33);
  ScriptedSource source = random_source(33, 3000);
  int killed = 0;
  const int kills = kill_count(15);
  for (int i = 0; i < kills; ++i) {
    if (run_child({replay_child(), postgres.uri(), "33", "3000", kill_moment(random)}) != 0) {
      ++killed;
    }
    const std::string next = postgres.sql("SELECT next_offset FROM replay");
    if (next.starts_with("error")) continue;  // not made yet
    CHECK(differences(postgres, source) == Lines{"0"});
    if (next == "3000") server();
  }
  MESSAGE(killed, " of ", kills, " were killed under way");
  CHECK(run_child({replay_child(), postgres.uri(), "33", "3000"}) == 0);
  CHECK(differences(postgres, source) == Lines{"0"});
}

TEST_CASE("a server that crashes at any call of a run costs time only") {
  PostgresServer& postgres = server();
  ScriptedSource source = random_source(34, 400);
  int calls = 0;
  for (const bool after : {false, true}) {
    for (int at = after ? 1 : 0; at < 40; at += 7) {
      server();
      FaultyTarget::Plan plan;
      plan.fail_at = at;
      plan.after = after;
      plan.fault = [&] {
        postgres.stop(SIGQUIT);
        postgres.start();
      };
      Job job;
      job.batch_records = 100;
      job.follow = true;
      job.to = Offset(400);
      job.again = [](const Error&) { return true; };
      job.open = [&]() -> Result<std::unique_ptr<Target>> {
        std::unique_ptr<Target> target = TRY(open_target(postgres.opening(true), ""));
        return std::make_unique<FaultyTarget>(std::move(target), plan);
      };
      const Summary summary = run(source, job).value();
      CAPTURE(plan.failed);
      if (!plan.failed.empty()) ++calls;
      CHECK(summary.count == 400);
      CHECK(differences(postgres, source) == Lines{"0"});
    }
  }
  CHECK(calls >= 8);
}

TEST_CASE("a connection that breaks under way is an error of its own, whatever the call") {
  PostgresServer& postgres = server();
  ScriptedSource source = examples_source();
  const std::unique_ptr<Target> target = open_target(postgres.opening(true), "").value();
  Watermark watermark;
  watermark.name = "default";
  watermark.cluster = source.cluster();
  const auto cut = [&] {
    postgres.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE pid <> pg_backend_pid() AND application_name LIKE 'ledgerctl%'");
  };
  REQUIRE(target->begin(Target::Access::write));
  REQUIRE(target->create(watermark));
  cut();
  SUBCASE("a statement") {
    CHECK(code_of(target->move(Offset(0), watermark)) == Code::database_unreachable);
  }
  SUBCASE("a COPY") {
    const Rows rows{&table(TableName::assets), {"USD", int64_t{2}, int64_t{0}}};
    CHECK(code_of(target->insert(rows)) == Code::database_unreachable);
  }
  SUBCASE("a commit: nobody knows") {
    CHECK(code_of(target->commit()) == Code::unknown_outcome);
  }
  SUBCASE("the next transaction") {
    target->rollback();
    CHECK(code_of(target->begin(Target::Access::write)) == Code::database_unreachable);
  }
  CHECK(postgres.sql("SELECT count(*) FROM pg_namespace WHERE nspname = 'ledger'") == "0");
}

}  // namespace ledger::sql
