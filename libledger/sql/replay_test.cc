#include "sql/replay.h"

#include <doctest/doctest.h>

#include <filesystem>

#include "sql/checks.h"

namespace ledger::sql {
namespace {

using book::examples::case_id;

/// All rows of all tables, so that two files can be held against each other.
std::string contents(const Scratch& scratch) {
  std::string out;
  for (size_t i = 0; i < table_count; ++i) {
    out += shell(scratch,
                 "SELECT * FROM " + std::string(table(TableName(i)).name) + " ORDER BY 1, 2") +
           "\n";
  }
  return out + shell(scratch,
                     "SELECT name, cluster_id, next_offset, last_id, last_recorded_ns, "
                     "hex(state_digest) FROM replay");
}

}  // namespace

TEST_CASE("any batches and any number of runs give the same database") {
  ScriptedSource source = random_source(1, 2000);
  const Scratch whole;
  REQUIRE(run(source, job_for(whole)).value().count == 2000);
  const std::string wanted = contents(whole);

  SUBCASE("batches of odd sizes, across the source's own") {
    const Scratch scratch;
    source.batch_records = 7;
    Job job = job_for(scratch);
    job.batch_records = 33;
    REQUIRE(run(source, job));
    CHECK(contents(scratch) == wanted);
  }
  SUBCASE("one record at a time") {
    const Scratch scratch;
    Job job = job_for(scratch);
    job.batch_records = 1;
    job.to = Offset(300);
    REQUIRE(run(source, job));
    job.batch_records = 10'000;
    job.to.reset();
    REQUIRE(run(source, job));
    CHECK(contents(scratch) == wanted);
  }
  SUBCASE("runs that end at a bound and go on there, reading nothing before it") {
    const Scratch scratch;
    Job job = job_for(scratch);
    for (const uint64_t to : {0, 1, 2, 60, 61, 999, 1500, 2000}) {
      job.to = Offset(to);
      source.sought.clear();
      REQUIRE(run(source, job).value().next_offset == Offset(to));
      CHECK(watermark(scratch) == std::to_string(to));
      const uint64_t resumed = source.sought.empty() ? to : source.sought.front().value + 1;
      for (const Offset offset : source.sought) CHECK(offset.value + 1 >= resumed);
    }
    CHECK(contents(scratch) == wanted);
  }
}

TEST_CASE("a target at or past the bound is left as it is") {
  const Scratch scratch;
  ScriptedSource source = examples_source();
  Job job = job_for(scratch);
  job.to = Offset(50);
  REQUIRE(run(source, job));
  job.to = Offset(20);
  const Summary summary = run(source, job).value();
  CHECK(summary.count == 0);
  CHECK(summary.next_offset == Offset(50));
}

TEST_CASE("a bound can be a time: what was recorded before it") {
  const Scratch scratch;
  ScriptedSource source = examples_source();
  Job job = job_for(scratch);
  job.to = book::examples::recorded(21);
  CHECK(run(source, job).value().next_offset == Offset(21));
  job.to = book::examples::recorded(1000);
  CHECK(run(source, job).value().next_offset == Offset(81));
}

TEST_CASE("bounds past the end are refused, unless it follows") {
  const Scratch scratch;
  ScriptedSource source = examples_source();
  Job job = job_for(scratch);
  job.to = Offset(900);
  const Result<Summary> ran = run(source, job);
  REQUIRE_FALSE(ran);
  CHECK(ran.error().code == Code::out_of_range);
  CHECK(ran.error().message == "offset 900 is past the end (next is 81)");
  CHECK_FALSE(std::filesystem::exists(scratch.path()));
  job.to.reset();
  job.from = Offset(900);
  CHECK(code_of(run(source, job)) == Code::out_of_range);
}

TEST_CASE("with --from the rows before are left out, and balances include them") {
  ScriptedSource source = examples_source();
  const Scratch scratch;
  Job job = job_for(scratch);
  job.from = Offset(38);
  job.batch_records = 10;
  CHECK(run(source, job).value().count == 81 - 38);
  CHECK(shell(scratch, "SELECT first_offset, next_offset FROM replay") == "38|81");
  CHECK(shell(scratch, "SELECT min(log_offset) FROM transactions") == "38");
  CHECK(shell(scratch, "SELECT min(log_offset) FROM rejections") == "39");
  const Scratch whole;
  REQUIRE(run(source, job_for(whole)));
  for (const char* same : {"assets", "accounts", "balances"}) {
    const std::string sql = "SELECT * FROM " + std::string(same);
    CHECK(shell(scratch, sql) == shell(whole, sql));
  }
  // Again only where it stands.
  job.from = Offset(81);
  CHECK(run(source, job).value().count == 0);
  job.from = Offset(80);
  CHECK(code_of(run(source, job)) == Code::invalid_value);
}

TEST_CASE("another cluster, another history and another name are never merged") {
  const Scratch scratch;
  ScriptedSource source = examples_source();
  Job job = job_for(scratch);
  job.to = Offset(40);
  REQUIRE(run(source, job));
  job.to.reset();
  const std::string before = contents(scratch);

  SUBCASE("another cluster") {
    ScriptedSource other(case_id(99));
    for (int i = 0; i < 81; ++i) other.add(book::examples::log()[static_cast<size_t>(i)].record);
    CHECK(code_of(run(other, job)) == Code::database_mismatch);
    job.rebuild = true;
    CHECK(code_of(run(other, job)) == Code::database_mismatch);
  }
  SUBCASE("another history of the same length") {
    ScriptedSource other = random_source(3, 100);
    const Result<Summary> ran = run(other, job);
    REQUIRE_FALSE(ran);
    CHECK(ran.error().code == Code::history_mismatch);
    CHECK(ran.error().message == "records 0..40 of sqlite:books.db differ from the source");
  }
  SUBCASE("a history that ends before") {
    ScriptedSource other;
    other.add(book::examples::log()[0].record);
    CHECK(code_of(run(other, job)) == Code::history_mismatch);
  }
  SUBCASE("another name") {
    job.name = "other";
    CHECK(code_of(run(source, job)) == Code::database_mismatch);
  }
  SUBCASE("a newer schema") {
    shell(scratch, "PRAGMA user_version = 7");
    const Result<Summary> ran = run(source, job);
    CHECK(code_of(ran) == Code::schema_too_new);
    CHECK(ran.error().message == "target schema 7, this build knows up to 1");
  }
  CHECK(contents(scratch) == before);
}

TEST_CASE("another history is replaced by --rebuild") {
  const Scratch scratch;
  ScriptedSource other = random_source(3, 100);
  REQUIRE(run(other, job_for(scratch)));
  ScriptedSource source = examples_source();
  Job job = job_for(scratch);
  job.rebuild = true;
  CHECK(run(source, job).value().count == 81);
  CHECK(counts(scratch) == "2 13 13 23 27 35 0");
}

TEST_CASE("balances that somebody changed stop a run before it writes") {
  const Scratch scratch;
  ScriptedSource source = examples_source();
  Job job = job_for(scratch);
  job.to = Offset(60);
  REQUIRE(run(source, job));
  job.to.reset();
  const auto changed = [&](const char* sql) {
    REQUIRE(shell(scratch, sql) == "");
    CHECK(code_of(run(source, job)) == Code::replica_changed);
    CHECK(watermark(scratch) == "60");
  };
  SUBCASE("a total") {
    changed("UPDATE balances SET debits_posted = '7' WHERE version = 3");
  }
  SUBCASE("a balance that the totals do not give") {
    changed("UPDATE balances SET posted = '7' WHERE version = 3");
  }
  SUBCASE("a missing balance") {
    changed("DELETE FROM balances WHERE version = 3");
  }
  SUBCASE("a missing account") {
    changed("DELETE FROM accounts WHERE log_offset = 5");
  }
  SUBCASE("a name") {
    changed("UPDATE accounts SET name = 'assets:safe' WHERE log_offset = 2");
  }
  SUBCASE("no name at all") {
    changed("UPDATE accounts SET name = '' WHERE log_offset = 2");
  }
  SUBCASE("a limit") {
    changed("UPDATE accounts SET floor = '-1' WHERE log_offset = 3");
  }
  SUBCASE("an id") {
    changed("UPDATE accounts SET id = 'x' WHERE log_offset = 3");
  }
  SUBCASE("the scale of an asset") {
    changed("UPDATE assets SET scale = 3 WHERE code = 'USD'");
  }
  SUBCASE("an asset too many") {
    changed("INSERT INTO assets VALUES ('EUR', 2, 9)");
  }
  SUBCASE("the digest") {
    changed("UPDATE replay SET state_digest = zeroblob(32)");
  }
}

TEST_CASE("a row that stands where a new one must go is told, not skipped") {
  const Scratch scratch;
  ScriptedSource source = examples_source();
  Job job = job_for(scratch);
  job.to = Offset(60);
  REQUIRE(run(source, job));
  shell(scratch, "INSERT INTO rejections VALUES (61, '', '', '', NULL, '', '{}')");
  job.to.reset();
  const Result<Summary> ran = run(source, job);
  REQUIRE_FALSE(ran);
  CHECK(ran.error().code == Code::row_refused);
  CHECK(ran.error().message == "offset 61: the database refused a row in 'rejections'");
  CHECK(watermark(scratch) == "60");
}

TEST_CASE("a stop ends the run between batches, with everything before it committed") {
  const Scratch scratch;
  ScriptedSource source = random_source(2, 1000);
  Job job = job_for(scratch);
  job.batch_records = 100;
  int asked = 0;
  job.stop = [&] { return ++asked > 5; };
  const Summary summary = run(source, job).value();
  CHECK(summary.stopped);
  CHECK(summary.next_offset.value > 0);
  CHECK(summary.next_offset.value < 1000);
  CHECK(summary.next_offset.value % 100 == 0);
  CHECK(watermark(scratch) == std::to_string(summary.next_offset.value));
}

TEST_CASE("following takes what comes, in few batches, until it is stopped") {
  const Scratch scratch;
  ScriptedSource source = random_source(4, 200);
  ScriptedSource more = random_source(4, 500);
  Job job = job_for(scratch);
  job.follow = true;
  std::vector<uint64_t> written;
  job.progress = [&](const Progress& progress) {
    written.push_back(progress.next_offset.value);
    CHECK_FALSE(progress.total);
  };
  Instant now;
  job.now = [&] { return now; };
  int times = 0;
  bool stop = false;
  source.at_end = [&] {
    now = now + Duration(20'000'000);
    ++times;
    if (times > 4 && times <= 10) source.add("short");  // too short to have an id
    if (times == 20) stop = true;
  };
  job.stop = [&] { return stop; };
  const Summary summary = run(source, job).value();
  CHECK(summary.stopped);
  CHECK(summary.next_offset == Offset(206));
  CHECK(watermark(scratch) == "206");
  // Six records, 20 ms apart, in batches of 50 ms.
  CHECK(written.front() == 200);
  CHECK(written.back() == 206);
  CHECK(written.size() >= 3);
  CHECK(written.size() <= 4);
}

TEST_CASE("following goes on after a lost source, and ends without") {
  const Scratch scratch;
  ScriptedSource source = random_source(5, 300);
  Job job = job_for(scratch);
  const Error lost{Code::unreachable, "n1 went away", ""};
  source.failures = {lost};
  CHECK(code_of(run(source, job)) == Code::unreachable);
  job.follow = true;
  job.to = Offset(300);
  source.failures = {lost, lost};
  int waits = 0;
  job.again = [&](const Error& error) {
    CHECK(error.code == Code::unreachable);
    return ++waits < 10;
  };
  CHECK(run(source, job).value().next_offset == Offset(300));
  CHECK(waits == 2);
}

TEST_CASE("a dry run says what would be done, makes no file and finds what would fail") {
  const Scratch scratch;
  ScriptedSource source = examples_source();
  Job job;
  job.open = [&scratch] { return open_sqlite(scratch.opening(false)); };
  Plan planned = plan(source, job).value();
  CHECK(planned.steps == std::vector<std::string>{"create schema 1", "apply 0..81"});
  CHECK_FALSE(std::filesystem::exists(scratch.path()));
  Job real = job_for(scratch);
  real.to = Offset(60);
  REQUIRE(run(source, real));
  planned = plan(source, job).value();
  CHECK(planned.steps ==
        std::vector<std::string>{"check schema 1", "check prefix 0..60", "apply 60..81"});
  CHECK(planned.from == Offset(60));
  CHECK(planned.to == Offset(81));
  job.rebuild = true;
  CHECK(plan(source, job).value().steps ==
        std::vector<std::string>{"drop schema 1", "create schema 1", "apply 0..81"});
  job.rebuild = false;
  ScriptedSource other = random_source(3, 100);
  CHECK(code_of(plan(other, job)) == Code::history_mismatch);
  shell(scratch, "UPDATE balances SET posted = '7'");
  CHECK(code_of(plan(source, job)) == Code::replica_changed);
}

TEST_CASE("status tells the watermark, or that there is none") {
  const Scratch scratch;
  {
    const std::unique_ptr<Target> target = open_sqlite(scratch.opening(true)).value();
    CHECK(code_of(status(*target)) == Code::no_such_replay);
  }
  ScriptedSource source = examples_source();
  REQUIRE(run(source, job_for(scratch)));
  const std::unique_ptr<Target> target = open_sqlite(scratch.opening(false)).value();
  const Watermark found = status(*target).value();
  CHECK(found.name == "default");
  CHECK(found.cluster == source.cluster());
  CHECK(found.next_offset == Offset(81));
  CHECK(found.schema_version == 1);
  CHECK(found.state_digest == source.book().digest());
}

}  // namespace ledger::sql
