// How records and transactions are shown.
#include <doctest/doctest.h>

#include "cli/text.h"
#include "record_row.h"
#include "test/fake_names.h"
#include "tx_row.h"

namespace ledger::cli {
namespace {

using namespace std::string_literals;

const Time noon{1'769'940'000'000'000'001};

std::string record_bytes(const RecordFields& fields) {
  std::string packed;
  encode_record(packed, fields);
  Cursor cursor(packed);
  return std::string(take_record(cursor).value());
}

TEST_CASE("a raw record is a value, or base64") {
  const RecordPrinter printer(RecordPrinter::Form::json, true);
  const std::string hello = record_bytes({.id = test_id(1), .body = "hello"});
  CHECK(printer.print({.offset = Offset(17), .term = Term(3), .recorded = noon, .record = hello}) ==
        R"({"kind":"record","offset":17,"term":3,"type":"raw",)"
        R"("id":"10101010-1010-1010-1010-101010101001",)"
        R"("recorded_at":"2026-02-01T10:00:00.000000001Z","size":5,"value":"hello"})"
        "\n");
  const std::string binary = record_bytes({.id = test_id(1), .body = "\xff\x00"s});
  CHECK(printer.print({.offset = Offset(0), .record = binary}).find(R"("value_b64":"/wA=")") !=
        std::string::npos);
}

TEST_CASE("values are the bytes and nothing else") {
  const std::string record = record_bytes({.id = test_id(1), .body = "a\nb"});
  CHECK(RecordPrinter(RecordPrinter::Form::values, true).print({.record = record}) == "a\nb\n");
  CHECK(RecordPrinter(RecordPrinter::Form::values_zero, true).print({.record = record}) ==
        "a\nb\0"s);
}

TEST_CASE("a money record is readable without knowing any account") {
  book::Account account;
  account.account = test_id(2);
  account.name = "liabilities:alice";
  account.asset = "USD";
  account.kind = book::AccountKind::liability;
  account.floor = -5000;
  const std::string body = encode(account);
  const std::string record =
      record_bytes({.id = test_id(1), .kind = Kind::account, .body = body, .meta = R"({"a":1})"});
  CHECK(decoded_text(view_record(record)) ==
        "account liabilities:alice USD liability floor -5000 id "
        "10101010-1010-1010-1010-101010101002");
  CHECK(decoded_json(view_record(record)) ==
        R"({"account":"10101010-1010-1010-1010-101010101002","name":"liabilities:alice",)"
        R"("asset":"USD","account_kind":"liability","floor_minor":"-5000","meta":{"a":1}})");
  // Damage in a body, or a kind of a later version, is no reason to fail.
  CHECK(
      decoded_text(view_record(record_bytes({.id = test_id(1), .kind = Kind::asset, .body = "x"})))
          .empty());
}

TEST_CASE("an accepted transaction is shown with names and major units") {
  FakeNames names;
  book::Decision decision;
  decision.id = test_id(7);
  decision.offset = Offset(5);
  decision.recorded = noon;
  decision.effective = Time{1'769'817'600'000'000'000};
  decision.legs = {{test_id(2), test_id(3), 4000}};
  decision.balances = {{test_id(2), "liabilities:alice", 6000, 6000, 2}};
  book::Transact transact;
  transact.legs = decision.legs;
  transact.memo = "rent";
  const std::string body = encode(transact);
  TxRow row =
      tx_row(decision,
             view_record(record_bytes({.id = test_id(7), .kind = Kind::transact, .body = body})));
  row.written = true;
  CHECK(tx_json(row, names, false) ==
        R"({"kind":"tx","offset":5,"id":"10101010-1010-1010-1010-101010101007",)"
        R"("tx_kind":"transfer","verdict":"ok","duplicate":false,"status":"posted",)"
        R"("recorded_at":"2026-02-01T10:00:00.000000001Z","effective_at":"2026-01-31T00:00:00Z",)"
        R"("memo":"rent","legs":[{"debit":"liabilities:alice","credit":"liabilities:bob",)"
        R"("amount":"40.00","asset":"USD"}],"balances":[{"account":"liabilities:alice",)"
        R"("posted":"60.00","available":"60.00","version":2}]})");
  CHECK(tx_json(row, names, true).find(R"("amount":"4000")") != std::string::npos);
}

TEST_CASE("a refusal says the numbers of the decision") {
  FakeNames names;
  TxRow row;
  row.id = test_id(7);
  row.offset = Offset(6);
  row.recorded = noon;
  row.verdict.code = book::Code::insufficient_funds;
  row.verdict.detail.leg = 0;
  row.verdict.detail.account = test_id(2);
  row.verdict.detail.available = 6000;
  row.verdict.detail.floor = 0;
  row.verdict.detail.needed = 7500;
  row.legs = {{test_id(2), test_id(0xaa), 7500}};
  const std::string json = tx_json(row, names, false);
  CHECK(json.find(R"("verdict":"insufficient_funds","recorded_at")") != std::string::npos);
  CHECK(json.find(R"("legs":[{"debit":"liabilities:alice","credit":)"
                  R"("10101010-1010-1010-1010-1010101010aa","amount":"75.00"}])") !=
        std::string::npos);
  CHECK(json.ends_with(R"("detail":{"leg":0,"account":"liabilities:alice","available":"60.00",)"
                       R"("floor":"0.00","needed":"75.00"}})"));
  const Failure failure = refusal(row, names, false);
  CHECK(failure.message ==
        "account liabilities:alice has 60.00 available, needs 75.00 (floor 0.00)");
  CHECK(failure.code_name() == "insufficient_funds");
  CHECK(failure.hint == "see 'ledgerctl account show liabilities:alice'");
  CHECK(exit_code(failure.code) == 1);
}

}  // namespace
}  // namespace ledger::cli
