#include "tx_input.h"

#include <doctest/doctest.h>

#include "test/fake_names.h"

namespace ledger::cli {
namespace {

/// What becomes of a line: the code that refuses it, or nothing.
std::string_view fate(std::string_view line) {
  FakeNames names;
  const Result<TxInput> input = read_tx(line);
  if (!input) return name(input.error().code);
  const Checked<book::Transact> transact = resolve(*input, names, false);
  if (!transact) return name(transact.error().code);
  std::string packed;
  const Result<void> appended = append_record(packed, *input, test_id(9), *transact, std::nullopt);
  return appended ? "ok" : name(appended.error().code);
}

book::Transact transact(std::string_view line, bool minor = false) {
  FakeNames names;
  return resolve(read_tx(line).value(), names, minor).value();
}

TEST_CASE("from decreases and to increases, whatever the side of the two") {
  const auto wallets =
      transact(R"({"from":"liabilities:alice","to":"liabilities:bob","amount":"40.00"})");
  CHECK(wallets.legs == std::vector<book::Leg>{{test_id(2), test_id(3), 4000}});
  const auto bank = transact(R"({"from":"assets:bank","to":"expenses:rent","amount":"40"})");
  CHECK(bank.legs == std::vector<book::Leg>{{test_id(4), test_id(1), 4000}});
}

TEST_CASE("two sides need debit and credit, and both ways are spelled out") {
  FakeNames names;
  for (const char* line : {R"({"from":"assets:bank","to":"liabilities:alice","amount":"1"})",
                           R"({"from":"liabilities:alice","to":"assets:bank","amount":"1"})"}) {
    const auto got = resolve(read_tx(line).value(), names, false);
    REQUIRE_FALSE(got);
    CHECK(got.error().code == Code::side_required);
    CHECK(got.error().hint ==
          "'tx post --debit assets:bank --credit liabilities:alice …' increases both, "
          "'--debit liabilities:alice --credit assets:bank' decreases both");
  }
}

TEST_CASE("the long form gives the same message as the short one") {
  const auto got = transact(
      R"({"effective_at":"2026-01-31","legs":[{"debit":"liabilities:alice","credit":"liabilities:bob",)"
      R"("amount":"40.00","asset":"USD"},{"debit":"10101010-1010-1010-1010-101010101003","credit":)"
      R"("liabilities:alice","amount":"0.50"}],"conditions":[{"account":"liabilities:alice",)"
      R"("version":{"eq":41}},{"account":"liabilities:bob","available":{"ge":"-100.00"}}],"memo":"x"})");
  REQUIRE(got.legs.size() == 2);
  CHECK(got.legs[1] == book::Leg{test_id(3), test_id(2), 50});
  REQUIRE(got.conditions.size() == 2);
  CHECK(got.conditions[0].value == 41);
  CHECK(got.conditions[1].value == -10000);
  CHECK(got.conditions[1].op == book::Condition::Op::ge);
  CHECK(got.memo == "x");
  CHECK(got.effective.value().ns == 1'769'817'600'000'000'000);
}

TEST_CASE("an amount has the scale of its asset, and is never rounded") {
  const auto line = [](std::string_view amount) {
    return R"({"debit":"liabilities:alice","credit":"liabilities:bob","amount":)" +
           std::string(amount) + "}";
  };
  CHECK(fate(line(R"("12")")) == "ok");
  CHECK(fate(line(R"("1701411834604692317316873037158841057.27")")) == "ok");
  for (const char* amount : {R"("12.345")", R"("1.000")", R"("0")", R"("0.00")", R"("-1")", "12",
                             R"("1e3")", R"("1,0")", R"("+5")", R"(" 5")", R"(".5")", R"("5.")",
                             R"("1701411834604692317316873037158841057.28")"}) {
    CAPTURE(amount);
    CHECK(fate(line(amount)) == "invalid_amount");
  }
  FakeNames names;
  CHECK(resolve(read_tx(line(R"("1.005")")).value(), names, false).error().message ==
        "amount '1.005' has 3 decimals, USD has 2");
  CHECK(transact(line(R"("12")"), true).legs[0].amount == 12);
  CHECK(resolve(read_tx(line(R"("1.2")")).value(), names, true).error().message ==
        "amount '1.2' has 1 decimals, 0 allowed");
}

TEST_CASE("an unknown name can't be written, an unknown id can") {
  CHECK(fate(R"({"debit":"liabilities:alcie","credit":"liabilities:bob","amount":"1"})") ==
        "no_such_account");
  CHECK(fate(R"({"debit":"10101010-1010-1010-1010-1010101010aa","credit":"liabilities:bob",)"
             R"("amount":"1.00"})") == "ok");
  CHECK(fate(R"({"debit":"10101010-1010-1010-1010-1010101010aa","credit":)"
             R"("10101010-1010-1010-1010-1010101010ab","amount":"1.0"})") == "invalid_amount");
  CHECK(fate(R"({"from":"10101010-1010-1010-1010-1010101010aa","to":"liabilities:bob",)"
             R"("amount":"1.00"})") == "no_such_account");
  CHECK(fate(R"({"debit":"Alice","credit":"liabilities:bob","amount":"1"})") == "invalid_name");
}

TEST_CASE("an asset only asserts") {
  const auto line = [](std::string_view asset) {
    return R"({"from":"liabilities:alice","to":"liabilities:bob","amount":"1","asset":")" +
           std::string(asset) + "\"}";
  };
  CHECK(fate(line("USD")) == "ok");
  CHECK(fate(line("EUR")) == "invalid_value");
}

TEST_CASE("what a line must not say is refused by name") {
  const std::string ok = R"("debit":"liabilities:alice","credit":"liabilities:bob","amount":"1")";
  CHECK(fate("{" + ok + "}") == "ok");
  for (const char* extra :
       {R"("foo":1)", R"("pending":true)", R"("from":"liabilities:alice")", R"("legs":[])",
        R"("memo":3)", R"("id":3)", R"("effective_at":"yesterday")",
        R"("valid_until_at":"2026-01-01")", R"("expect_offset":"3")", R"("expect_offset":-1)",
        R"("expect_offset":1.5)", R"("conditions":{})", R"("conditions":[{}])",
        R"("conditions":[{"account":"liabilities:bob","version":{"eq":"1"}}])",
        R"("conditions":[{"account":"liabilities:bob","version":{"gt":1}}])",
        R"("conditions":[{"account":"liabilities:bob","version":{"eq":1},"posted":{"eq":"1"}}])",
        R"("amount":"2")"}) {
    CAPTURE(extra);
    CHECK(fate("{" + ok + "," + extra + "}") == "invalid_message");
  }
  for (const char* line : {"{}", "[]", "", R"({"amount":"1"})", R"({"from":"a","amount":"1"})",
                           R"({"legs":[{"debit":"a","credit":"b"}]})", R"({"legs":{}})"}) {
    CAPTURE(line);
    CHECK(fate(line) == "invalid_message");
  }
  CHECK(fate("{" + ok + R"(,"id":"x"})") == "invalid_id");
  CHECK(fate("{" + ok + R"(,"memo":"a\nb"})") == "invalid_text");
  CHECK(fate("{" + ok + R"(,"memo":")" + std::string(257, 'x') + "\"}") == "too_large");
  CHECK(fate("{" + ok + R"(,"meta":[1]})") == "invalid_text");
  CHECK(fate("{" + ok + R"(,"meta":{"a":"\u0000"}})") == "invalid_text");
  CHECK(fate("{" + ok + R"(,"meta":{"a":")" + std::string(4096, 'x') + "\"}}") == "too_large");
  CHECK(fate("{" + ok + R"(,"meta":{"a":")" + std::string(70000, 'x') + "\"}}") == "too_large");
  CHECK(fate(R"({"legs":[]})") == "invalid_legs");
  CHECK(fate(R"({"debit":"liabilities:alice","credit":"liabilities:alice","amount":"1"})") ==
        "invalid_legs");
}

TEST_CASE("meta keeps its bytes, without the blanks outside strings") {
  const auto input = read_tx(
      R"({"debit":"a","credit":"b","amount":"1","meta": { "n" : 1.50 , "s" : "a b\u00fc" } })");
  CHECK(input.value().meta == R"({"n":1.50,"s":"a b\u00fc"})");
}

TEST_CASE("guards stand in the record, and the line's deadline before the command's") {
  const TxInput input =
      read_tx(R"({"from":"liabilities:alice","to":"liabilities:bob","amount":"1",)"
              R"("expect_offset":77,"valid_until_at":"2026-02-01T10:00:00Z"})")
          .value();
  FakeNames names;
  std::string packed;
  REQUIRE(append_record(packed, input, test_id(9), resolve(input, names, false).value(), Time{1}));
  Cursor cursor(packed);
  const RecordView view = view_record(take_record(cursor).value());
  CHECK(view.expect_offset == Offset(77));
  CHECK(view.valid_until == Time{1'769'940'000'000'000'000});
  CHECK(view.id == test_id(9));
}

}  // namespace
}  // namespace ledger::cli
