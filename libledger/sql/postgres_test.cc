#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <sys/socket.h>

#include <fstream>

#include "sql/kill.h"
#include "sql/postgres_fixture.h"

namespace ledger::sql {
namespace {

using book::examples::account_id;
using book::examples::case_id;

}  // namespace

TEST_CASE("the worked examples make the rows of the specification in PostgreSQL") {
  PostgresServer& postgres = server();
  ScriptedSource source = examples_source();
  Job job = job_for(postgres);
  job.raw = true;
  const Summary summary = run(source, job).value();
  CHECK(summary.count == 81);
  CHECK(counts(postgres) == "2 13 13 23 27 35 1");
  CHECK(postgres.sql("SELECT next_offset, last_id, last_recorded_ns, encode(state_digest, 'hex'), "
                     "cluster_id, schema_version, raw, first_offset FROM replay") ==
        "81|" + case_id(65).text() +
            "|1767225680000000000|"
            "d46ca99e9cd5d2a4c5031f67b422bd809c732444ebda7c5afe360f17a8bb9e06|" +
            source.cluster().text() + "|1|t|0");
  CHECK(
      postgres.sql("SELECT name, balance, available, version FROM account_balances ORDER BY id") ==
      "assets:bank|-764.00|-764.00|10\n"
      "liabilities:alice|3.00|3.00|11\n"
      "liabilities:bob|227.50|227.50|12\n"
      "income:fees|5.50|5.50|2\n"
      "liabilities:carol|-50.00|-50.00|1\n"
      "liabilities:dave|50.00|50.00|3\n"
      "assets:till|1000.00|1000.00|1\n"
      "equity:fx|1701411834604692317316873037158841057.27|1701411834604692317316873037158841057.27"
      "|2\n"
      "equity:fx-jpy|-10000|-10000|2\n"
      "liabilities:alice-jpy|10000|10000|2\n"
      "assets:vault|1701411834604692317316873037158841057.27|"
      "1701411834604692317316873037158841057.27|2\n"
      "equity:opening|5.00|5.00|1\n"
      "equity:target|-5.00|-5.00|1");
  CHECK(postgres.sql("SELECT asset, debits, credits FROM trial_balance WHERE kind IS NULL "
                     "ORDER BY asset") ==
        "JPY|10000|10000\n"
        "USD|1701411834604692317316873037158842730.77|1701411834604692317316873037158842730.77");
  CHECK(postgres.sql("SELECT id, kind, status, recorded_at, effective_at, memo, meta "
                     "FROM transactions WHERE log_offset IN (21, 73) ORDER BY log_offset") ==
        case_id(7).text() +
            "|transfer|posted|2026-01-01 00:00:21+00|2026-01-01 00:00:21+00|rent|{}\n" +
            case_id(59).text() +
            "|transfer|posted|2026-01-01 00:01:13+00|2025-12-31 00:00:00+00||{}");
  CHECK(postgres.sql("SELECT leg, debit, asset, amount, posted FROM transfers "
                     "WHERE log_offset = 38 ORDER BY leg") ==
        "0|" + account_id("alice").text() + "|USD|500|t\n1|" + account_id("fx-jpy").text() +
            "|JPY|750|t");
  CHECK(postgres.sql("SELECT kind, code, leg, detail->>'needed' FROM rejections "
                     "WHERE log_offset IN (25, 27) ORDER BY log_offset") ==
        "raw|id_conflict||\ntransact|insufficient_funds|0|75.00");
  CHECK(postgres.sql("SELECT log_offset, convert_from(value, 'UTF8') FROM records") == "74|hello");
  CHECK(differences(postgres, source) == Lines{"0"});
  CHECK(differences(postgres, source, true) == Lines{"0"});
}

TEST_CASE("the views of PostgreSQL tell statements and clearing") {
  PostgresServer& postgres = server();
  ScriptedSource source = examples_source();
  REQUIRE(run(source, job_for(postgres)));
  CHECK(postgres.sql("SELECT log_offset, leg, contra_name, change, balance, memo "
                     "FROM account_statement WHERE name = 'liabilities:alice' AND "
                     "log_offset BETWEEN 21 AND 35 ORDER BY log_offset, leg") ==
        "21|0|liabilities:bob|-40.00|60.00|rent\n"
        "28|0|assets:bank|50.00|110.00|\n"
        "30|0|liabilities:bob|-75.00|35.00|\n"
        "31|0|liabilities:bob|-35.00|0.00|\n"
        "33|0|liabilities:bob|40.00|40.00|\n"
        "35|0|liabilities:bob|-60.00|-20.00|\n"
        "35|1|liabilities:bob|60.00|40.00|");
  CHECK(postgres.sql("SELECT count(*), sum(debit) = sum(credit) FROM entries") == "54|t");
  CHECK(postgres.sql("SELECT count(*) FROM open_holds") == "0");
  postgres.sql("UPDATE accounts SET name = 'assets:clearing' WHERE name = 'assets:till'");
  CHECK(postgres.sql("SELECT name, balance, oldest_at FROM clearing") ==
        "assets:clearing|1000.00|2026-01-01 00:00:49+00");
}

TEST_CASE("every table, view and column of the schema says what it is") {
  PostgresServer& postgres = server();
  ScriptedSource source;
  REQUIRE(run(source, job_for(postgres)));
  CHECK(postgres.sql(
            "SELECT c.relname, a.attname FROM pg_class c JOIN pg_namespace n "
            "ON n.oid = c.relnamespace LEFT JOIN pg_attribute a ON a.attrelid = c.oid "
            "AND a.attnum > 0 WHERE n.nspname = 'ledger' AND c.relkind IN ('r', 'v') AND "
            "(obj_description(c.oid) IS NULL OR col_description(c.oid, a.attnum) IS NULL)") == "");
  CHECK(
      postgres.sql("SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
                   "WHERE n.nspname = 'ledger' AND c.relkind IN ('r', 'v')") == "14");
}

TEST_CASE("PostgreSQL and SQLite hold the same, in any batches and any number of runs") {
  PostgresServer& postgres = server();
  ScriptedSource source = random_source(11, 3000);
  Job job = job_for(postgres);
  job.batch_records = 97;
  job.raw = true;
  for (const uint64_t to : {1, 500, 501, 3000}) {
    job.to = Offset(to);
    REQUIRE(run(source, job).value().next_offset == Offset(to));
  }
  CHECK(differences(postgres, source) == Lines{"0"});
  const Scratch scratch;
  Job file;
  file.open = [&] { return open_sqlite(scratch.opening(true)); };
  file.raw = true;
  REQUIRE(run(source, file));
  for (const char* sql :
       {"SELECT code, scale, log_offset FROM assets ORDER BY 1",
        "SELECT account, debits_posted, credits_posted, posted, available, version, last_offset "
        "FROM balances ORDER BY 1",
        "SELECT log_offset, leg, debit, credit, asset, amount FROM transfers ORDER BY 1, 2",
        "SELECT log_offset, id, kind, status, memo FROM transactions ORDER BY 1",
        "SELECT log_offset, id, kind, code, leg FROM rejections ORDER BY 1"}) {
    CHECK(postgres.sql(sql) == shell(scratch, sql));
  }
}

TEST_CASE("with --from PostgreSQL leaves rows out, and balances include them") {
  PostgresServer& postgres = server();
  ScriptedSource source = examples_source();
  Job job = job_for(postgres);
  job.from = Offset(38);
  CHECK(run(source, job).value().count == 43);
  CHECK(postgres.sql("SELECT min(log_offset) FROM transactions") == "38");
  CHECK(differences(postgres, source) == Lines{"0"});
}

TEST_CASE("verify finds what was planted in PostgreSQL") {
  PostgresServer& postgres = server();
  ScriptedSource source = examples_source();
  REQUIRE(run(source, job_for(postgres)));
  const auto plant = [&](const std::string& sql) {
    const std::string said = postgres.sql(sql);
    REQUIRE(said == "");
    return differences(postgres, source);
  };
  const std::string bob = account_id("bob").text();
  SUBCASE("a balance, out of any range") {
    CHECK(plant("UPDATE balances SET posted = 'NaN' WHERE account = '" + bob + "'") ==
          Lines{"balances liabilities:bob posted: log 227.50, replica NaN (version 12 in both)",
                "1"});
  }
  SUBCASE("a transfer that is gone, and one too many") {
    CHECK(plant("DELETE FROM transfers WHERE log_offset = 38 AND leg = 1") ==
          Lines{"transfers 38/1: missing in replica", "1"});
    CHECK(plant("INSERT INTO transfers SELECT 44, leg, debit, credit, asset, amount, posted "
                "FROM transfers WHERE log_offset = 43") ==
          Lines{"transfers 38/1: missing in replica", "transfers 44/0: not in the log", "2"});
  }
  SUBCASE("a memo and a time") {
    CHECK(plant("UPDATE transactions SET memo = 'rant', effective_at = 'infinity' "
                "WHERE log_offset = 21") ==
          Lines{"transactions 21 effective_at: log 2026-01-01T00:00:21.000000Z, replica infinity",
                "transactions 21 memo: log rent, replica rant", "2"});
  }
  SUBCASE("meta, by value") {
    CHECK(plant("UPDATE transactions SET meta = '{\"a\": null}' WHERE log_offset = 21") ==
          Lines{"0"});
    CHECK(plant("UPDATE transactions SET meta = '{\"a\": 1}' WHERE log_offset = 21") ==
          Lines{"transactions 21 meta: log {}, replica {\"a\": 1}", "1"});
  }
  SUBCASE("the digest") {
    CHECK(plant("UPDATE replay SET state_digest = decode(repeat('00', 32), 'hex')").back() == "1");
    CHECK(code_of(run(source, job_for(postgres))) == Code::replica_changed);
  }
  SUBCASE("a balance stops a run too, and a rebuild makes it good") {
    postgres.sql("UPDATE balances SET version = 7 WHERE account = '" + bob + "'");
    CHECK(code_of(run(source, job_for(postgres))) == Code::replica_changed);
    Job job = job_for(postgres);
    job.rebuild = true;
    CHECK(run(source, job).value().count == 81);
    CHECK(differences(postgres, source) == Lines{"0"});
  }
}

TEST_CASE("a row that stands where a new one must go is told by offset and table") {
  PostgresServer& postgres = server();
  ScriptedSource source = random_source(12, 1000);
  Job job = job_for(postgres);
  job.to = Offset(100);
  REQUIRE(run(source, job));
  const std::string taken = postgres.sql(
      "INSERT INTO transactions SELECT 777, gen_random_uuid(), kind, status, recorded_at, "
      "effective_at, NULL, NULL, NULL, NULL, meta FROM transactions LIMIT 1 RETURNING log_offset");
  REQUIRE(taken == "777");
  postgres.sql(
      "INSERT INTO rejections SELECT 777, gen_random_uuid(), 'raw', 'x', NULL, now(), '{}'");
  job.to.reset();
  const Result<Summary> ran = run(source, job);
  REQUIRE_FALSE(ran);
  CHECK(ran.error().code == Code::row_refused);
  const bool accepted =
      ran.error().message == "offset 777: the database refused a row in 'transactions'";
  const bool refused =
      ran.error().message == "offset 777: the database refused a row in 'rejections'";
  CHECK((accepted || refused));
  CHECK(postgres.sql("SELECT next_offset FROM replay") == "100");
}

TEST_CASE("what is not ours in PostgreSQL is left alone") {
  PostgresServer& postgres = server();
  ScriptedSource source = examples_source();
  Job job = job_for(postgres);
  SUBCASE("others' tables") {
    postgres.sql("CREATE SCHEMA ledger; CREATE TABLE ledger.songs (title text)");
    CHECK(code_of(run(source, job)) == Code::database_mismatch);
    job.rebuild = true;
    CHECK(code_of(run(source, job)) == Code::database_mismatch);
  }
  SUBCASE("an empty schema is taken") {
    postgres.sql("CREATE SCHEMA ledger");
    CHECK(run(source, job));
  }
  SUBCASE("two rows of replay, none, and a newer schema") {
    REQUIRE(run(source, job));
    postgres.sql("UPDATE replay SET schema_version = 2");
    CHECK(code_of(run(source, job)) == Code::schema_too_new);
    postgres.sql(
        "UPDATE replay SET schema_version = 1; INSERT INTO replay SELECT 'two', "
        "cluster_id, 1, 0, raw, 0, NULL, NULL, state_digest, NULL, now() FROM replay");
    CHECK(code_of(run(source, job)) == Code::database_mismatch);
    postgres.sql("DELETE FROM replay");
    CHECK(code_of(run(source, job)) == Code::database_mismatch);
  }
  SUBCASE("a view of somebody else's on ours stops a rebuild") {
    REQUIRE(run(source, job));
    postgres.sql("CREATE VIEW public.rich AS SELECT * FROM ledger.account_balances");
    job.rebuild = true;
    CHECK(code_of(run(source, job)) == Code::database_mismatch);
    CHECK(counts(postgres) == "2 13 13 23 27 35 0");
    postgres.sql("DROP VIEW public.rich");
    CHECK(run(source, job));
  }
  SUBCASE("another schema is another projection") {
    REQUIRE(run(source, job));
    Job second;
    second.open = [&] { return open_target(postgres.opening(true, "other"), ""); };
    second.name = "second";
    CHECK(run(source, second).value().count == 81);
    CHECK(postgres.sql("SELECT name FROM other.replay") == "second");
    CHECK(run(source, job).value().count == 0);
  }
}

TEST_CASE("what stands in records and names never becomes SQL in PostgreSQL") {
  using namespace book::examples;
  PostgresServer& postgres = server();
  ScriptedSource source;
  std::string bytes;
  for (int i = 0; i < 1'000'000; ++i) bytes += static_cast<char>(i * 7 + i / 256);
  source.add(raw(record_id(1), bytes));
  source.add(raw(record_id(2), "'); DROP TABLE replay; --"));
  source.add(raw(record_id(3), std::string("\0\xff", 2)));
  source.add(raw(record_id(4), ""));
  Job job = job_for(postgres);
  job.raw = true;
  job.name = "o'brien\"; DROP TABLE replay; --";
  REQUIRE(run(source, job).value().count == 4);
  CHECK(postgres.sql("SELECT name FROM replay") == job.name);
  CHECK(postgres.sql("SELECT log_offset, length(value) FROM records ORDER BY 1") ==
        "0|1000000\n1|25\n2|2\n3|0");
  const std::unique_ptr<Target> target = open_target(postgres.opening(false), "").value();
  Check how;
  how.name = job.name;
  CHECK(verify(*target, source, how).value().differences == 0);
}

TEST_CASE("the driver brings libpq, and nothing of gRPC or protobuf") {
  open_target(server().opening(false), "").value();
  std::ifstream maps("/proc/self/maps");
  const std::string all(std::istreambuf_iterator<char>(maps), {});
  CHECK(all.find("/libpqxx") != std::string::npos);
  for (const char* other : {"/libprotobuf", "/libgrpc", "/libabsl"}) {
    CHECK(all.find(other) == std::string::npos);
  }
}

TEST_CASE("amounts reach PostgreSQL as they are, at the ends of their range too") {
  PostgresServer& postgres = server();
  ScriptedSource source;
  REQUIRE(run(source, job_for(postgres)));
  const std::unique_ptr<Target> target = open_target(postgres.opening(true), "").value();
  REQUIRE(target->begin(Target::Access::write));
  const std::vector<Int128> amounts = {0,     1,         9999,       10000,     -5000,
                                       10001, 100000000, int128_max, int128_min};
  std::string wanted;
  for (size_t i = 0; i < amounts.size(); ++i) {
    const std::string name = "assets:a" + std::to_string(i);
    const Rows row{&table(TableName::accounts),
                   {book::examples::record_id(static_cast<unsigned>(i)),
                    std::string_view(name),
                    "USD",
                    "asset",
                    amounts[i],
                    {},
                    int64_t{0},
                    int64_t{1'999},
                    int64_t(i),
                    "{}"}};
    REQUIRE(target->insert(row));
    wanted += (i == 0 ? "" : "\n") + format_integer(amounts[i]);
  }
  REQUIRE(target->commit());
  CHECK(postgres.sql("SELECT floor FROM accounts ORDER BY id") == wanted);
  CHECK(postgres.sql("SELECT DISTINCT opened_at FROM accounts") == "1970-01-01 00:00:00.000001+00");
}

TEST_CASE("what cannot be reached or is not allowed is said so") {
  PostgresServer& postgres = server();
  ScriptedSource source = examples_source();
  SUBCASE("no server") {
    const Opening opening = parse_target("postgresql:///x?host=/nowhere", "ledger").value();
    const auto target = open_target(opening, "");
    REQUIRE_FALSE(target);
    CHECK(target.error().code == Code::database_unreachable);
    CHECK(target.error().message == "cannot connect to postgresql:///x?host=/nowhere");
  }
  SUBCASE("a server that accepts and never answers") {
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    REQUIRE(bind(listener, reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(listen(listener, 1) == 0);
    REQUIRE(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    Opening opening =
        parse_target("postgresql://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/x",
                     "ledger")
            .value();
    opening.connect_timeout = Duration(50'000'000);
    CHECK(code_of(open_target(opening, "")) == Code::database_unreachable);
    close(listener);
  }
  SUBCASE("no driver") {
    const Scratch scratch;
    const std::filesystem::path alone = scratch.directory() / "child";
    std::filesystem::copy_file(replay_child(), alone);
    const int status = run_child({alone, postgres.uri(), "1", "100"});
    CHECK(WEXITSTATUS(status) == exit_code(Code::driver_missing));
    CHECK(exit_code(Code::driver_missing) == 78);
  }
  SUBCASE("no database") {
    const Opening opening = parse_target(postgres.uri("nothing"), "ledger").value();
    CHECK(code_of(open_target(opening, "")) == Code::database_mismatch);
  }
  SUBCASE("a role that may not create") {
    postgres.sql("DROP ROLE IF EXISTS guest; CREATE ROLE guest LOGIN");
    std::string uri = postgres.uri();
    uri.replace(uri.rfind("postgres"), 8, "guest");
    Job job;
    job.open = [&] { return open_target(parse_target(uri, "ledger").value(), ""); };
    CHECK(code_of(run(source, job)) == Code::denied);
    REQUIRE(run(source, job_for(postgres)));
    const std::unique_ptr<Target> target =
        open_target(parse_target(uri, "ledger").value(), "").value();
    CHECK(code_of(status(*target)) == Code::denied);
  }
  SUBCASE("a role that is none") {
    std::string uri = postgres.uri();
    uri.replace(uri.rfind("postgres"), 8, "nobody");
    CHECK(code_of(open_target(parse_target(uri, "ledger").value(), "")) == Code::denied);
  }
  SUBCASE("no replay") {
    const std::unique_ptr<Target> target = open_target(postgres.opening(false), "").value();
    CHECK(code_of(status(*target)) == Code::no_such_replay);
  }
}

}  // namespace ledger::sql
