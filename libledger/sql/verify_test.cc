#include "sql/verify.h"

#include <doctest/doctest.h>

#include "sql/checks.h"

namespace ledger::sql {

TEST_CASE("a replica equals the log it was made of, in whatever way it was made") {
  for (const Amounts amounts : {Amounts::integer, Amounts::text}) {
    ScriptedSource source = random_source(7, 1500);
    const Scratch scratch;
    Job job = job_for(scratch, amounts);
    job.raw = amounts == Amounts::text;
    job.to = Offset(700);
    REQUIRE(run(source, job));
    CHECK(differences(scratch, source) == Lines{"0"});
    job.to.reset();
    REQUIRE(run(source, job));
    source.batch_records = 13;
    CHECK(differences(scratch, source) == Lines{"0"});
    CHECK(differences(scratch, source, true) == Lines{"0"});
  }
}

TEST_CASE("the worked examples verify, and so does a replica that begins later") {
  ScriptedSource source = examples_source();
  for (const uint64_t from : {0, 1, 38, 66, 81}) {
    const Scratch scratch;
    Job job = job_for(scratch);
    job.from = Offset(from);
    REQUIRE(run(source, job));
    for (const size_t batch : {1, 4, 1000}) {
      source.batch_records = batch;
      CHECK(differences(scratch, source) == Lines{"0"});
    }
  }
}

TEST_CASE("verify finds each kind of planted difference and says where it is") {
  ScriptedSource source = examples_source();
  const Scratch scratch;
  Job job = job_for(scratch);
  job.raw = true;
  REQUIRE(run(source, job));
  const auto plant = [&](const std::string& sql) {
    REQUIRE(shell(scratch, sql) == "");
    return differences(scratch, source);
  };
  const std::string bob = book::examples::account_id("bob").text();

  SUBCASE("a balance") {
    CHECK(plant("UPDATE balances SET posted = '22950' WHERE account = '" + bob + "'") ==
          Lines{"balances liabilities:bob posted: log 227.50, replica 229.50 (version 12 in both)",
                "1"});
  }
  SUBCASE("a version and a total") {
    CHECK(plant("UPDATE balances SET version = 7, debits_posted = '1' WHERE account = '" + bob +
                "'") == Lines{"balances liabilities:bob debits_posted: log 102.50, replica 0.01",
                              "balances liabilities:bob version: log 12, replica 7", "2"});
  }
  SUBCASE("a balance of nobody") {
    CHECK(plant("INSERT INTO balances VALUES ('018f', '0', '0', '0', '0', '0', '0', 0, 0)") ==
          Lines{"balances 018f: not in the log", "1"});
  }
  SUBCASE("a transfer that is gone") {
    CHECK(plant("DELETE FROM transfers WHERE log_offset = 38 AND leg = 1") ==
          Lines{"transfers 38/1: missing in replica", "1"});
  }
  SUBCASE("a transfer too many") {
    CHECK(plant("INSERT INTO transfers SELECT log_offset, 9, debit, credit, asset, amount, posted "
                "FROM transfers WHERE log_offset = 43") ==
          Lines{"transfers 43/9: not in the log", "1"});
  }
  SUBCASE("an amount") {
    CHECK(plant("UPDATE transfers SET amount = '500' WHERE log_offset = 43") ==
          Lines{"transfers 43/0 amount: log 50.00, replica 5.00", "1"});
  }
  SUBCASE("a memo, changed and gone") {
    CHECK(plant("UPDATE transactions SET memo = 'rant' WHERE log_offset = 21") ==
          Lines{"transactions 21 memo: log rent, replica rant", "1"});
    CHECK(plant("UPDATE transactions SET memo = NULL WHERE log_offset = 21") ==
          Lines{"transactions 21 memo: log rent, replica null", "1"});
  }
  SUBCASE("a rejection that is gone, and one before all") {
    CHECK(plant("DELETE FROM rejections WHERE log_offset = 44") ==
          Lines{"rejections 44: missing in replica", "1"});
    CHECK(plant("INSERT INTO rejections SELECT -1, id, kind, code, leg, recorded_at, detail "
                "FROM rejections WHERE log_offset = 46") ==
          Lines{"rejections -1: not in the log", "rejections 44: missing in replica", "2"});
  }
  SUBCASE("a detail, by value") {
    CHECK(plant("UPDATE rejections SET detail = '{ \"first_offset\":21.0, \"field\" : \"kind\"}' "
                "WHERE log_offset = 25") == Lines{"0"});
    CHECK(plant("UPDATE rejections SET detail = '{\"first_offset\":22,\"field\":\"kind\"}' "
                "WHERE log_offset = 25") ==
          Lines{"rejections 25 detail: log {\"first_offset\":21,\"field\":\"kind\"}, replica "
                "{\"first_offset\":22,\"field\":\"kind\"}",
                "1"});
  }
  SUBCASE("a time, by a nanosecond") {
    CHECK(plant("UPDATE transactions SET recorded_at = '2026-01-01T00:00:21.000000001Z' "
                "WHERE log_offset = 21") ==
          Lines{"transactions 21 recorded_at: log 2026-01-01T00:00:21.000000000Z, replica "
                "2026-01-01T00:00:21.000000001Z",
                "1"});
  }
  SUBCASE("an account's name, limit and existence") {
    CHECK(plant("UPDATE accounts SET name = 'liabilities:rob', floor = '5' WHERE id = '" + bob +
                "'") == Lines{"accounts liabilities:bob name: log liabilities:bob, replica "
                              "liabilities:rob",
                              "accounts liabilities:bob floor: log 0.00, replica 0.05", "2"});
    CHECK(plant("DELETE FROM accounts WHERE id = '" + bob + "'") ==
          Lines{"accounts liabilities:bob: missing in replica", "1"});
  }
  SUBCASE("an asset") {
    CHECK(plant("UPDATE assets SET scale = 3 WHERE code = 'JPY'") ==
          Lines{"assets JPY scale: log 0, replica 3", "1"});
    CHECK(plant("INSERT INTO assets VALUES ('EUR', 2, 1)").front() == "assets EUR: not in the log");
  }
  SUBCASE("a raw record") {
    CHECK(plant("UPDATE records SET value = x'00ff'") ==
          Lines{"records 74 value: log 68656c6c6f, replica 00ff", "1"});
  }
  SUBCASE("the digest") {
    CHECK(plant("UPDATE replay SET state_digest = zeroblob(32)") ==
          Lines{"replay default state_digest: log "
                "d46ca99e9cd5d2a4c5031f67b422bd809c732444ebda7c5afe360f17a8bb9e06, replica " +
                    std::string(64, '0'),
                "1"});
  }
}

TEST_CASE("fast finds differences of the state and looks at nothing else") {
  ScriptedSource source = examples_source();
  const Scratch scratch;
  REQUIRE(run(source, job_for(scratch)));
  shell(scratch, "DELETE FROM transfers");
  CHECK(differences(scratch, source, true) == Lines{"0"});
  shell(scratch, "UPDATE balances SET version = 13 WHERE version = 12");
  CHECK(differences(scratch, source, true) ==
        Lines{"balances liabilities:bob version: log 12, replica 13", "1"});
}

TEST_CASE("a hundred differences are told, and all are counted") {
  ScriptedSource source = random_source(9, 1000);
  const Scratch scratch;
  REQUIRE(run(source, job_for(scratch)));
  const std::string transfers = shell(scratch, "SELECT count(*) FROM transfers");
  shell(scratch, "DELETE FROM transfers");
  const Lines lines = differences(scratch, source);
  CHECK(lines.size() == 101);
  CHECK(lines.back() == transfers);
}

TEST_CASE(
    "there is nothing to compare with another cluster, history or name, or without a replay") {
  ScriptedSource source = examples_source();
  const Scratch scratch;
  open_sqlite(scratch.opening(true)).value();
  CHECK(differences(scratch, source) ==
        Lines{"no_such_replay: there is no replay in sqlite:books.db"});
  REQUIRE(run(source, job_for(scratch)));
  ScriptedSource other = random_source(3, 100);
  CHECK(differences(scratch, other) ==
        Lines{"history_mismatch: records 0..81 of sqlite:books.db differ from the source"});
}

TEST_CASE("a stop ends a check without a proof") {
  ScriptedSource source = examples_source();
  const Scratch scratch;
  REQUIRE(run(source, job_for(scratch)));
  const std::unique_ptr<Target> target = open_sqlite(scratch.opening(false)).value();
  Check how;
  how.stop = [] { return true; };
  CHECK(verify(*target, source, how).value().stopped);
}

}  // namespace ledger::sql
