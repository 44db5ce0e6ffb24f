// Which rows a log becomes.
#include "sql/projection.h"

#include <doctest/doctest.h>

#include "sql/checks.h"

namespace ledger::sql {
namespace {

using book::examples::account_id;
using book::examples::case_id;

}  // namespace

TEST_CASE("the worked examples make the rows of the specification") {
  const Scratch scratch;
  ScriptedSource source = examples_source();
  const Summary summary = run(source, job_for(scratch)).value();
  CHECK(summary.count == 81);
  CHECK(summary.next_offset == Offset(81));
  CHECK(counts(scratch) == "2 13 13 23 27 35 0");
  CHECK(watermark(scratch) == "81");
  CHECK(shell(scratch, "SELECT hex(state_digest), last_id, last_recorded_ns FROM replay") ==
        "D46CA99E9CD5D2A4C5031F67B422BD809C732444EBDA7C5AFE360F17A8BB9E06|" + case_id(65).text() +
            "|1767225680000000000");
  CHECK(shell(scratch, "SELECT name, balance, version FROM account_balances ORDER BY id") ==
        "assets:bank|-764.00|10\n"
        "liabilities:alice|3.00|11\n"
        "liabilities:bob|227.50|12\n"
        "income:fees|5.50|2\n"
        "liabilities:carol|-50.00|1\n"
        "liabilities:dave|50.00|3\n"
        "assets:till|1000.00|1\n"
        "equity:fx|1701411834604692317316873037158841057.27|2\n"
        "equity:fx-jpy|-10000|2\n"
        "liabilities:alice-jpy|10000|2\n"
        "assets:vault|1701411834604692317316873037158841057.27|2\n"
        "equity:opening|5.00|1\n"
        "equity:target|-5.00|1");
  CHECK(shell(scratch,
              "SELECT asset, debits, credits FROM trial_balance WHERE kind IS NULL "
              "ORDER BY asset") ==
        "JPY|10000|10000\n"
        "USD|170141183460469231731687303715884273077|170141183460469231731687303715884273077");
}

TEST_CASE("rows carry what the records say") {
  const Scratch scratch;
  ScriptedSource source = examples_source();
  REQUIRE(run(source, job_for(scratch)));
  CHECK(shell(scratch,
              "SELECT id, kind, status, recorded_at, effective_at, memo, meta "
              "FROM transactions WHERE log_offset IN (21, 73)") ==
        case_id(7).text() +
            "|transfer|posted|2026-01-01T00:00:21.000000000Z|2026-01-01T00:00:21.000000000Z|rent|{}"
            "\n" +
            case_id(59).text() +
            "|transfer|posted|2026-01-01T00:01:13.000000000Z|2025-12-31T00:00:00.000000000Z||{}");
  CHECK(shell(scratch, "SELECT memo IS NULL FROM transactions WHERE log_offset = 73") == "1");
  CHECK(shell(scratch,
              "SELECT leg, debit, credit, asset, amount, posted FROM transfers "
              "WHERE log_offset = 38") ==
        "0|" + account_id("alice").text() + "|" + account_id("fx").text() + "|USD|500|1\n1|" +
            account_id("fx-jpy").text() + "|" + account_id("alice-jpy").text() + "|JPY|750|1");
  CHECK(shell(scratch,
              "SELECT id, kind, code, leg, recorded_at, detail FROM rejections "
              "WHERE log_offset IN (27, 25, 78)") ==
        case_id(7).text() +
            "|raw|id_conflict||2026-01-01T00:00:25.000000000Z|{\"first_offset\":21,\"field\":"
            "\"kind\"}\n" +
            case_id(13).text() +
            "|transact|insufficient_funds|0|2026-01-01T00:00:27.000000000Z|"
            "{\"leg\":0,\"account\":\"liabilities:alice\",\"available\":\"60.00\",\"floor\":"
            "\"0.00\",\"needed\":\"75.00\"}\n" +
            case_id(64).text() +
            "|transact|malformed||2026-01-01T00:01:18.000000000Z|{\"error\":\"invalid_amount\"}");
  CHECK(shell(scratch,
              "SELECT name, asset, kind, floor, ceiling, closed, opened_at, log_offset, "
              "meta FROM accounts WHERE log_offset = 8") ==
        "assets:till|USD|asset|0|100000|0|2026-01-01T00:00:08.000000000Z|8|{}");
}

TEST_CASE("the views tell an account's statement, in both kinds of amounts") {
  for (const Amounts amounts : {Amounts::integer, Amounts::text}) {
    const Scratch scratch;
    ScriptedSource source = examples_source();
    Job job = job_for(scratch, amounts);
    job.to = Offset(64);
    REQUIRE(run(source, job));
    CHECK(shell(scratch,
                "SELECT log_offset, leg, contra_name, change, balance, memo FROM account_statement "
                "WHERE name = 'liabilities:alice' AND log_offset < 36 ORDER BY log_offset, leg") ==
          "20|0|assets:bank|100.00|100.00|\n"
          "21|0|liabilities:bob|-40.00|60.00|rent\n"
          "28|0|assets:bank|50.00|110.00|\n"
          "30|0|liabilities:bob|-75.00|35.00|\n"
          "31|0|liabilities:bob|-35.00|0.00|\n"
          "33|0|liabilities:bob|40.00|40.00|\n"
          "35|0|liabilities:bob|-60.00|-20.00|\n"
          "35|1|liabilities:bob|60.00|40.00|");
    CHECK(shell(scratch,
                "SELECT change, balance FROM account_statement "
                "WHERE name = 'equity:fx-jpy'") == "-750|-750\n-9250|-10000");
    CHECK(shell(scratch,
                "SELECT change, balance FROM account_statement "
                "WHERE name = 'assets:till'") == "1000.00|1000.00");
    CHECK(shell(scratch,
                "SELECT count(*), typeof(sum(debit)), sum(debit) = sum(credit) "
                "FROM entries WHERE asset = 'JPY'") == "4|integer|1");
    CHECK(shell(scratch, "SELECT count(*) FROM open_holds") == "0");
    CHECK(shell(scratch, "SELECT count(*) FROM clearing") == "0");
  }
}

TEST_CASE("clearing accounts that are not at zero are listed since when") {
  using namespace book::examples;
  const Scratch scratch;
  ScriptedSource source;
  source.add(asset(record_id(0), "USD", 2));
  const auto open = [&](unsigned number, const std::string& name) {
    const Id id = id_ending("b0000" + std::to_string(number));
    source.add(account(record_id(number),
                       {id, name, "USD", *book::kind_of_name(name), std::nullopt, std::nullopt}));
    return id;
  };
  const Id bank = open(1, "assets:bank");
  const Id card = open(2, "assets:clearing:card");
  const Id clearings = open(3, "assets:clearings");
  unsigned number = 10;
  const auto pay = [&](const Id& debit, const Id& credit, Int128 amount) {
    source.add(transact(record_id(number++), {{{debit, credit, amount}}, {}, {}, {}}));
  };
  pay(card, bank, 500);       // 4
  pay(bank, card, 500);       // 5: at zero
  pay(card, bank, 70);        // 6: since here
  pay(card, bank, 30);        // 7
  pay(clearings, bank, 100);  // no part of its name is clearing
  REQUIRE(run(source, job_for(scratch)));
  CHECK(shell(scratch, "SELECT account, name, asset, balance, oldest_at FROM clearing") ==
        card.text() + "|assets:clearing:card|USD|1.00|2026-01-01T00:00:06.000000000Z");
}

TEST_CASE("integer amounts end the run before the record that is too large, with all before it") {
  const Scratch scratch;
  ScriptedSource source = examples_source();
  const Result<Summary> ran = run(source, job_for(scratch, Amounts::integer));
  REQUIRE_FALSE(ran);
  CHECK(ran.error().code == Code::amount_too_large);
  CHECK(ran.error().message == "offset 65: assets:vault goes beyond 2^63-1");
  CHECK(ran.error().hint == "rebuild with --sqlite-amounts text");
  CHECK(watermark(scratch) == "65");
  CHECK(shell(scratch, "SELECT max(log_offset) FROM rejections") == "64");
  // It stays there, and --rebuild with text amounts goes through.
  CHECK(code_of(run(source, job_for(scratch, Amounts::integer))) == Code::amount_too_large);
  CHECK(code_of(run(source, job_for(scratch, Amounts::text))) == Code::invalid_value);
  Job job = job_for(scratch, Amounts::text);
  job.rebuild = true;
  CHECK(run(source, job).value().count == 81);
  CHECK(counts(scratch) == "2 13 13 23 27 35 0");
}

TEST_CASE("a limit or a running total beyond 2^63-1 is too large as well") {
  using namespace book::examples;
  const Scratch scratch;
  ScriptedSource source;
  source.add(asset(record_id(0), "USD", 2));
  const Id bank = account_id("bank");
  const Id fees = account_id("fees");
  source.add(account(record_id(1), {bank, "assets:bank", "USD", book::AccountKind::asset, {}, {}}));
  source.add(
      account(record_id(2), {fees, "income:fees", "USD", book::AccountKind::income, {}, {}}));
  SUBCASE("a total that reaches it exactly fits, one more does not") {
    const Int128 half = Int128{INT64_MAX} / 2;
    source.add(post(1, {{bank, fees, half}, {bank, fees, half}, {bank, fees, 1}}));
    source.add(post(2, {{bank, fees, 1}}));
    const Result<Summary> ran = run(source, job_for(scratch, Amounts::integer));
    REQUIRE_FALSE(ran);
    CHECK(ran.error().message == "offset 4: assets:bank goes beyond 2^63-1");
    CHECK(shell(scratch, "SELECT posted FROM balances WHERE account = '" + bank.text() + "'") ==
          "9223372036854775807");
  }
  SUBCASE("a floor") {
    source.add(account(
        record_id(3),
        {account_id("fx"), "equity:fx", "USD", book::AccountKind::equity, -(Int128{1} << 63), {}}));
    const Result<Summary> ran = run(source, job_for(scratch, Amounts::integer));
    REQUIRE_FALSE(ran);
    CHECK(ran.error().message == "offset 3: equity:fx goes beyond 2^63-1");
  }
}

TEST_CASE("raw records are kept if the target was made so") {
  ScriptedSource source = examples_source();
  const Scratch scratch;
  Job job = job_for(scratch);
  job.raw = true;
  REQUIRE(run(source, job));
  CHECK(shell(scratch, "SELECT log_offset, id, recorded_at, CAST(value AS TEXT) FROM records") ==
        "74|" + case_id(60).text() + "|2026-01-01T00:01:14.000000000Z|hello");
  CHECK(shell(scratch, "SELECT raw FROM replay") == "1");
  const Scratch without;
  REQUIRE(run(source, job_for(without)));
  job = job_for(without);
  job.raw = true;
  CHECK(code_of(run(source, job)) == Code::invalid_value);
}

TEST_CASE("what stands in records and names never becomes SQL") {
  using namespace book::examples;
  ScriptedSource source;
  std::string bytes;
  for (int i = 0; i < 1'000'000; ++i) bytes += static_cast<char>(i * 7 + i / 256);
  source.add(raw(record_id(1), bytes));
  source.add(raw(record_id(2), "'); DROP TABLE replay; --"));
  source.add(raw(record_id(3), std::string("\0\xff", 2)).with_meta(R"({"a":"'\"; --"})"));
  source.add(raw(record_id(4), ""));
  const Scratch scratch;
  Job job = job_for(scratch);
  job.raw = true;
  job.name = "o'brien\"; DROP TABLE replay; --";
  REQUIRE(run(source, job).value().count == 4);
  CHECK(shell(scratch, "SELECT name FROM replay") == job.name);
  CHECK(shell(scratch, "SELECT log_offset, length(value), hex(substr(value, 1, 3)) FROM records") ==
        "0|1000000|00070E\n1|25|27293B\n2|2|00FF\n3|0|");
  const std::unique_ptr<Target> target = open_sqlite(scratch.opening(false)).value();
  Check check;
  check.name = job.name;
  CHECK(verify(*target, source, check).value().differences == 0);
}

}  // namespace ledger::sql
