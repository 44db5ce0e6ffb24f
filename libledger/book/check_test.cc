#include "book/check.h"

#include <doctest/doctest.h>

#include "book/examples.h"
#include "book/meta.h"
#include "book/text.h"

namespace ledger::book {
namespace {

using examples::leg;
using examples::Maker;

const Id some_id = examples::record_id(1);
constexpr std::string_view fine = "fine";

/// The name of the rule that `maker`'s record breaks.
std::string_view judged(const Maker& maker) {
  const std::string bytes = maker.bytes();
  const std::optional<RequestError> error = check(view_record(bytes), 1);
  if (!error) return fine;
  CHECK_FALSE(error->message.empty());
  return name(error->code);
}

Maker paying(Transact transact) {
  return examples::transact(some_id, transact);
}
Transact payment() {
  return {.legs = {leg("bank", "alice", 1)}, .effective = {}, .conditions = {}, .memo = {}};
}
Maker with_body(Kind kind, std::string body) {
  return {some_id, kind, std::move(body)};
}
Maker opening(Account account) {
  return examples::account(some_id, std::move(account));
}
Account bank() {
  return {examples::account_id("bank"), "assets:bank", "USD", AccountKind::asset, {}, {}};
}
Maker with_meta(std::string meta) {
  return examples::raw(some_id, "x").with_meta(std::move(meta));
}

}  // namespace

TEST_CASE("what must never be logged is refused under the name of its rule") {
  const auto pay = [](auto change) {
    Transact transact = payment();
    change(transact);
    return judged(paying(std::move(transact)));
  };
  const auto open = [](auto change) {
    Account account = bank();
    change(account);
    return judged(opening(std::move(account)));
  };
  CHECK(pay([](Transact&) {}) == fine);
  CHECK(open([](Account&) {}) == fine);

  CHECK(pay([](Transact& t) { t.legs[0].amount = 0; }) == "invalid_amount");
  CHECK(pay([](Transact& t) { t.legs[0].amount = -1; }) == "invalid_amount");
  CHECK(pay([](Transact& t) { t.legs.clear(); }) == "invalid_legs");
  CHECK(pay([](Transact& t) { t.legs.assign(64, t.legs[0]); }) == fine);
  CHECK(pay([](Transact& t) { t.legs.assign(65, t.legs[0]); }) == "invalid_legs");
  CHECK(pay([](Transact& t) { t.legs[0].credit = t.legs[0].debit; }) == "invalid_legs");
  CHECK(open([](Account& a) { a.name = "wallets:x"; }) == "invalid_name");
  CHECK(open([](Account& a) { a.kind = AccountKind::liability; }) == "invalid_name");
  CHECK(open([](Account& a) { a.floor = 1, a.ceiling = 0; }) == "invalid_limits");
  CHECK(open([](Account& a) { a.floor = 0, a.ceiling = 0; }) == fine);
  CHECK(judged(with_meta("[1]")) == "invalid_text");
  CHECK(judged(with_meta(R"({"a":"\u0000"})")) == "invalid_text");
  CHECK(pay([](Transact& t) { t.memo = "two\nlines"; }) == "invalid_text");
  CHECK(judged(examples::raw(Id(), "x")) == "invalid_id");
  const std::string at_most =
      "0a2a"
      "0a10";  // a leg with field 4
  std::string leg_bytes = encode(payment());
  leg_bytes[1] = static_cast<char>(leg_bytes[1] + 2);
  CHECK(judged(with_body(Kind::transact, leg_bytes + "\x20\x01")) == "invalid_message");
}

TEST_CASE("sizes are judged before anything else") {
  CHECK(judged(examples::raw(some_id, std::string(1'000'000, 'x'))) == fine);
  CHECK(judged(examples::raw(some_id, std::string(1'000'001, 'x'))) == "too_large");
  CHECK(judged(with_body(Kind::transact, std::string(1 << 20, 'x'))) == "too_large");
  const std::string padded = R"({"a":")" + std::string(4096 - 8, 'x') + R"("})";
  CHECK(judged(with_meta(padded)) == fine);
  CHECK(judged(with_meta(padded + " ")) == "too_large");
  Transact transact = payment();
  transact.memo = std::string(256, 'x');
  CHECK(judged(paying(transact)) == fine);
  transact.memo = std::string(257, '\n');
  transact.legs.clear();
  CHECK(judged(paying(transact)) == "too_large");
  Maker wrong_meta = examples::raw(Id(), "x");
  CHECK(judged(wrong_meta.with_meta(std::string(4097, 'x'))) == "too_large");
}

TEST_CASE("what can't be read, or belongs to a later version, is no message") {
  CHECK(judged(with_body(Kind::asset, "\x08\x01")) == "invalid_message");
  CHECK(judged(with_body(Kind::account, "")) == "invalid_message");  // no kind
  CHECK(judged(with_body(Kind::transact, "")) == "invalid_legs");    // the empty Transact
  for (int kind = 4; kind < 256; ++kind) {
    CHECK(judged(with_body(static_cast<Kind>(kind), "")) == "invalid_message");
  }
  Transact transact = payment();
  const Condition condition{examples::account_id("bank"), Condition::What::posted,
                            Condition::Op::ge, 0};
  transact.conditions.assign(16, condition);
  CHECK(judged(paying(transact)) == fine);
  transact.conditions.assign(17, condition);
  CHECK(judged(paying(transact)) == "invalid_message");
  CHECK(judged(with_body(Kind::transact, encode(payment()) + "\x10\x01")) == "invalid_message");
  CHECK(judged(with_body(Kind::transact, encode(payment()) + "\x18\x01")) == "invalid_message");
  CHECK(name(check(view_record("short"), 1)->code) == "invalid_message");
  std::string flagged = examples::raw(some_id, "x").bytes();
  flagged[17] = 8;
  CHECK(name(check(view_record(flagged), 1)->code) == "invalid_message");
}

TEST_CASE("ids come before names, names before texts, texts before legs") {
  Transact transact = payment();
  transact.legs[0].debit = Id();
  transact.memo = "\n";
  CHECK(judged(paying(transact)) == "invalid_id");
  transact.legs[0].debit.bytes.fill(0xff);
  CHECK(judged(paying(transact)) == "invalid_id");
  transact.legs.clear();
  CHECK(judged(paying(transact)) == "invalid_text");
  transact = payment();
  transact.conditions = {{Id(), Condition::What::version, Condition::Op::eq, 0}};
  CHECK(judged(paying(transact)) == "invalid_id");

  Account account = bank();
  account.floor = 1;
  account.ceiling = 0;
  account.name = "Assets";
  account.account = Id();
  CHECK(judged(opening(account)) == "invalid_id");
  account.account = some_id;
  CHECK(judged(opening(account).with_meta("[]")) == "invalid_name");
  account.name = "assets:a";
  CHECK(judged(opening(account).with_meta("[]")) == "invalid_text");
  CHECK(judged(opening(account)) == "invalid_limits");
  account.asset = "usd";
  CHECK(judged(opening(account)) == "invalid_name");

  std::string unsized = encode(payment());
  unsized[1] = static_cast<char>(unsized[1] - 1);
  unsized[3] = 15;
  unsized.erase(4, 1);
  CHECK(judged(with_body(Kind::transact, unsized)) == "invalid_id");
}

TEST_CASE("asset codes, scales and account names keep to their grammar") {
  CHECK(judged(examples::asset(some_id, "A", 0)) == fine);
  CHECK(judged(examples::asset(some_id, "A234567890123456", 18)) == fine);
  for (const char* code : {"", "usd", "1A", "US-D", "A2345678901234567", "ÄB"}) {
    CHECK(judged(examples::asset(some_id, code, 2)) == "invalid_name");
  }
  CHECK(judged(examples::asset(some_id, "USD", 19)) == "invalid_name");

  for (const char* name : {"assets", "assets:a", "assets:0-:b--c", "a:b:c:d:e:f:g:h"}) {
    CHECK(is_account_name(name));
  }
  for (const char* name : {"", ":", "assets:", ":assets", "assets::a", "assets:-a", "assets:A",
                           "assets:a b", "assets:ä", "a:b:c:d:e:f:g:h:i"}) {
    CAPTURE(name);
    CHECK_FALSE(is_account_name(name));
  }
  CHECK(is_account_name("a:" + std::string(126, 'x')));
  CHECK_FALSE(is_account_name("a:" + std::string(127, 'x')));
}

TEST_CASE("meta is JSON that every database can hold, byte for byte in meaning") {
  for (const char* meta :
       {"{}", " {\"a\" : [ 1 , -0.5e+3, true,false,null ] }\n", R"({"a":"\"\\\/\b\f\n\r\t"})",
        R"({"é":"\ud83d\ude00 \u00e9 €"})", R"({"":{"":[]}})", R"({"a":1e999,"b":-1E-999})",
        R"({"a":{"a":1},"b":{"a":1}})", R"({"n":12345678901234567890123456789012})"}) {
    CAPTURE(meta);
    CHECK_FALSE(meta_fault(meta));
  }
  for (const char* meta : {"",
                           "1",
                           "[]",
                           "{",
                           "{}}",
                           "{} x",
                           R"({"a"})",
                           R"({"a":})",
                           R"({"a":1,})",
                           R"({a:1})",
                           R"({"a":1 "b":2})",
                           R"({"a":[1,]})",
                           R"({"a":[1})",
                           R"({"a":01})",
                           R"({"a":1.})",
                           R"({"a":.5})",
                           R"({"a":+1})",
                           R"({"a":-})",
                           R"({"a":1e})",
                           R"({"a":1e1000})",
                           R"({"a":123456789012345678901234567890123})",
                           R"({"a":NaN})",
                           R"({"a":tru})",
                           R"({"a":"\x"})",
                           R"({"a":"\u12"})",
                           R"({"a":"\ud800"})",
                           R"({"a":"\udc00"})",
                           R"({"a":"\ud800\u0041"})",
                           R"({"a":"\ud800\ud800"})",
                           R"({"a":"\u0000"})",
                           R"({"\u0000":1})",
                           "{\"a\":\"\t\"}",
                           R"({"a":1,"a":2})",
                           R"({"a":1,"\u0061":2})",
                           R"({"b":{"x":1,"y":2,"x":3}})",
                           "{\"a\":\"\xff\"}",
                           "{\"a\":\"\xc0\x80\"}",
                           "{\"a\":\"\xed\xa0\x80\"}",
                           "\xef\xbb\xbf{}",
                           R"({"a":"open)",
                           R"({"a":"\)"}) {
    CAPTURE(meta);
    CHECK(meta_fault(meta));
  }
  CHECK(meta_fault(std::string_view("{\"a\":\"\0\"}", 9)));
  CHECK(meta_fault(std::string_view("{}\0", 3)));
  const auto nested = [](size_t depth) {
    std::string text = "{\"a\":";
    text += std::string(depth - 1, '[') + std::string(depth - 1, ']') + "}";
    return text;
  };
  CHECK_FALSE(meta_fault(nested(16)));
  CHECK(meta_fault(nested(17)));
  CHECK_FALSE(meta_fault(R"({"a":{"b":{}},"c":{"d":{}}})"));
}

TEST_CASE("UTF-8 is well-formed or refused") {
  for (const char* text : {"", "a", "é", "€", "\U0001F600", "\x7f", "\U0010FFFF", "\uD7FF\uE000"}) {
    CHECK(is_utf8(text));
  }
  for (const char* text : {"\x80", "\xc1\xbf", "\xc3", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xe2\x82",
                           "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff"}) {
    CHECK_FALSE(is_utf8(text));
  }
  CHECK_FALSE(is_printable("\x1f"));
  CHECK_FALSE(is_printable("\x7f"));
  CHECK(is_printable("rent, März €"));
}

}  // namespace ledger::book
