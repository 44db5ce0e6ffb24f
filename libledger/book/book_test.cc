#include "book/book.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "book/examples.h"
#include "book/memory_past.h"

namespace ledger::book {
namespace {

/// A book with the setup of the examples: 2 assets, 13 accounts.
struct Ledger {
  Book book;
  MemoryPast past;

  explicit Ledger(size_t examples_count = 15) {
    const std::vector<examples::Example> log = examples::log();
    for (size_t i = 0; i < examples_count; ++i) apply(log[i].record);
  }

  Stamp next() const { return {book.next_offset(), examples::recorded(book.next_offset().value)}; }
  Verdict apply(const std::string& record) {
    const RecordView view = view_record(record);
    const Verdict verdict = book.apply(next(), view, past);
    past.add(view, verdict);
    return verdict;
  }
  Verdict apply(const examples::Maker& maker) { return apply(maker.bytes()); }
};

/// All that can be read of a book, for comparing two.
std::string shown(const Book& book) {
  std::string out =
      std::to_string(book.next_offset().value) + " " + std::to_string(book.log_time().ns) + "\n";
  for (const AssetRow& row : book.assets()) {
    out +=
        row.code + " " + std::to_string(row.scale) + " " + std::to_string(row.offset.value) + "\n";
  }
  book.each_account("", [&out](const AccountRow& row) {
    out += row.account.name + " " + row.account.account.text() + " " +
           format_integer(row.posted()) + " v" + std::to_string(row.version) + " " +
           std::to_string(row.opened.value) + " " + std::to_string(row.last_offset.value) + "\n";
  });
  return out;
}

std::vector<std::string> names(const Book& book, std::string_view prefix) {
  std::vector<std::string> out;
  book.each_account(prefix, [&out](const AccountRow& row) { out.push_back(row.account.name); });
  return out;
}

examples::Maker opening(unsigned number, std::string name) {
  const Id id = examples::case_id(number);
  return examples::account(
      id, {id, std::move(name), "USD", AccountKind::asset, std::nullopt, std::nullopt});
}

}  // namespace

TEST_CASE("a stamp that does not follow is told from one that does") {
  Ledger ledger;
  const Stamp next = ledger.next();
  CHECK(ledger.book.follows(next));
  const auto code = [&](Stamp stamp) { return ledger.book.follows(stamp).error().code; };
  CHECK(code({next.offset + 1, next.recorded}) == ledger::Code::corrupt_segment);
  CHECK(code({next.offset - 1, next.recorded}) == ledger::Code::corrupt_segment);
  CHECK(code({next.offset, ledger.book.log_time()}) == ledger::Code::corrupt_segment);
  CHECK(ledger.book.follows({next.offset, ledger.book.log_time() + Duration(1)}));
  CHECK(code({next.offset, next.recorded, 2}) == ledger::Code::rules_too_new);
  CHECK(Book().follows({Offset(0), Time{-1'000'000'000}}));
}

TEST_CASE("redo with the recorded verdicts leads to the same book as apply") {
  const std::vector<examples::Example> log = examples::log();
  Ledger ledger(0);
  Book redone;
  for (const examples::Example& example : log) {
    CAPTURE(example.name);
    const Stamp stamp = ledger.next();
    const Verdict verdict = ledger.apply(example.record);
    REQUIRE(redone.redo(stamp, view_record(example.record), verdict.code, verdict.duplicate));
    CHECK(redone.digest() == ledger.book.digest());
    CHECK(shown(redone) == shown(ledger.book));
  }
}

TEST_CASE("redo refuses what can't have been accepted, and changes no balance by it") {
  Ledger ledger;
  const std::string before = shown(ledger.book);
  const Digest digest = ledger.book.digest();
  std::string record;
  SUBCASE("an unknown account") {
    record =
        examples::post(1, {examples::leg("bank", "alice", 1), examples::leg("bank", "nobody", 1)})
            .bytes();
  }
  SUBCASE("two assets") {
    record = examples::post(1, {examples::leg("bank", "fx-jpy", 1)}).bytes();
  }
  SUBCASE("a total out of range") {
    const Leg leg = examples::leg("bank", "vault", int128_max);
    record = examples::post(1, {leg, leg}).bytes();
  }
  SUBCASE("no amount") {
    record = examples::post(1, {examples::leg("bank", "vault", 0)}).bytes();
  }
  SUBCASE("a name twice") {
    record = opening(1, "assets:bank").bytes();
  }
  SUBCASE("another scale") {
    record = examples::asset(examples::case_id(1), "USD", 3).bytes();
  }
  const Result<void> result = ledger.book.redo(ledger.next(), view_record(record), Code::ok, false);
  REQUIRE_FALSE(result);
  CHECK(result.error().code == ledger::Code::corrupt_segment);
  CHECK(ledger.book.digest() == digest);
  CHECK(shown(ledger.book).substr(shown(ledger.book).find('\n')) ==
        before.substr(before.find('\n')));
}

TEST_CASE("a book loaded from its rows is the same book") {
  for (const size_t count : {size_t{0}, size_t{1}, size_t{15}, size_t{70}, size_t{81}}) {
    const Ledger ledger(count);
    Book loaded;
    for (const AssetRow& row : ledger.book.assets()) REQUIRE(loaded.load(row));
    ledger.book.each_account("", [&](const AccountRow& row) { REQUIRE(loaded.load(row)); });
    loaded.load_position(ledger.book.next_offset(), ledger.book.log_time());
    CHECK(shown(loaded) == shown(ledger.book));
    CHECK(loaded.digest() == ledger.book.digest());
  }
}

TEST_CASE("rows that can't be are not loaded") {
  Ledger ledger;
  const AccountRow bank = ledger.book.account(examples::account_id("bank")).value();
  const auto loaded = [&](auto change) {
    AccountRow row = bank;
    row.account.account = examples::case_id(1);
    row.account.name = "assets:new";
    change(row);
    return ledger.book.load(row).has_value();
  };
  CHECK_FALSE(loaded([](AccountRow& row) { row.account.account = examples::account_id("bank"); }));
  CHECK_FALSE(loaded([](AccountRow& row) { row.account.account = Id(); }));
  CHECK_FALSE(loaded([](AccountRow& row) { row.account.name = "assets:bank"; }));
  CHECK_FALSE(loaded([](AccountRow& row) { row.account.name = "equity:new"; }));
  CHECK_FALSE(loaded([](AccountRow& row) { row.account.name = "assets:New"; }));
  CHECK_FALSE(loaded([](AccountRow& row) { row.account.asset = "EUR"; }));
  CHECK_FALSE(loaded([](AccountRow& row) { row.debits_posted = Uint128{1} << 127; }));
  CHECK_FALSE(loaded([](AccountRow& row) { row.credits_posted = ~Uint128{0}; }));
  CHECK_FALSE(loaded([](AccountRow& row) { row.debits_pending = 1; }));
  CHECK_FALSE(loaded([](AccountRow& row) { row.closed = true; }));
  CHECK_FALSE(loaded([](AccountRow& row) { row.account.floor = 1, row.account.ceiling = 0; }));
  CHECK(loaded([](AccountRow&) {}));
  CHECK_FALSE(ledger.book.load(AssetRow{"USD", 2, Offset(9)}));
  CHECK_FALSE(ledger.book.load(AssetRow{"EUR", 19, Offset(9)}));
  CHECK_FALSE(ledger.book.load(AssetRow{"eur", 2, Offset(9)}));
  CHECK(ledger.book.load(AssetRow{"EUR", 2, Offset(9)}));
}

TEST_CASE("accounts are listed by name, by whole parts of it, and those opened since too") {
  Ledger ledger;
  CHECK(names(ledger.book, "assets") ==
        std::vector<std::string>{"assets:bank", "assets:till", "assets:vault"});
  CHECK(names(ledger.book, "assets:ba").empty());
  CHECK(names(ledger.book, "assets:").empty());
  ledger.apply(opening(1, "assets:bank-2"));
  ledger.apply(opening(2, "assets:bank:eur"));
  ledger.apply(opening(3, "assets:a"));
  CHECK(names(ledger.book, "assets:bank") ==
        std::vector<std::string>{"assets:bank", "assets:bank:eur"});
  const std::vector<std::string> all = names(ledger.book, "");
  CHECK(all.size() == ledger.book.account_count());
  CHECK(std::ranges::is_sorted(all));
  CHECK(all.front() == "assets:a");
}

TEST_CASE("touched accounts are named once, in order, and only when asked for") {
  Ledger ledger;
  const auto pay = [&](unsigned number, const char* debit, const char* credit) {
    return ledger.apply(examples::post(number, {examples::leg(debit, credit, 1)}));
  };
  pay(1, "bank", "alice");
  CHECK(ledger.book.touched().empty());
  ledger.book.track_touched();
  pay(2, "alice", "bob");
  pay(3, "bank", "bob");
  CHECK(pay(4, "bank", "nobody").code == Code::account_not_found);
  const std::span<const Id> touched = ledger.book.touched();
  const std::vector<Id> wanted = {examples::account_id("alice"), examples::account_id("bob"),
                                  examples::account_id("bank")};
  CHECK(std::vector<Id>(touched.begin(), touched.end()) == wanted);
  ledger.book.clear_touched();
  CHECK(ledger.book.touched().empty());
  pay(5, "bank", "alice");
  CHECK(ledger.book.touched().size() == 2);
}

TEST_CASE("an answer carries legs, effective time and the balances after an accepted transaction") {
  Ledger ledger;
  const std::string record =
      examples::post(1, {examples::leg("bank", "alice", 500), examples::leg("alice", "fees", 2)})
          .bytes();
  const Stamp stamp = ledger.next();
  const Decision decision = decide(ledger.book, stamp, view_record(record), ledger.apply(record));
  CHECK(decision.id == examples::case_id(1));
  CHECK(decision.offset == stamp.offset);
  CHECK(decision.effective == stamp.recorded);
  CHECK(decision.legs.size() == 2);
  REQUIRE(decision.balances.size() == 3);
  CHECK(decision.balances[0].name == "assets:bank");
  CHECK(decision.balances[1].name == "liabilities:alice");
  CHECK((decision.balances[1].posted == 498));
  CHECK(decision.balances[1].version == 1);
  CHECK(decision.balances[2].name == "income:fees");

  SUBCASE("a repetition has the first one's times and legs, and no balances") {
    const Decision again = decide(ledger.book, stamp, view_record(record), ledger.apply(record));
    CHECK(again.verdict.duplicate);
    CHECK(again.offset == stamp.offset);
    CHECK(again.effective == stamp.recorded);
    CHECK(again.legs == decision.legs);
    CHECK(again.balances.empty());
  }
  SUBCASE("a refusal has neither") {
    const std::string poor = examples::post(2, {examples::leg("alice", "bank", 499)}).bytes();
    const Stamp next = ledger.next();
    const Decision refused = decide(ledger.book, next, view_record(poor), ledger.apply(poor));
    CHECK(refused.verdict.code == Code::insufficient_funds);
    CHECK_FALSE(refused.effective);
    CHECK(refused.legs.empty());
    CHECK(refused.balances.empty());
  }
}

TEST_CASE("a record without its fixed fields takes no id, one without its lengths does") {
  Ledger ledger;
  const size_t ids = ledger.past.id_count();
  CHECK(ledger.apply(std::string(17, 'x')).code == Code::malformed);
  CHECK(ledger.past.id_count() == ids);

  std::string cut = examples::raw(examples::case_id(1), "").expecting(1).bytes();
  cut.resize(20);
  CHECK(ledger.apply(cut).code == Code::malformed);
  CHECK(ledger.past.id_count() == ids + 1);
  const Verdict again = ledger.apply(cut);
  CHECK(again.duplicate);
  CHECK(again.code == Code::malformed);
  cut.back() = 'x';
  CHECK(ledger.apply(cut).detail.field == "body");
  CHECK(ledger.apply(examples::raw(examples::case_id(1), "")).detail.field == "body");
}

TEST_CASE("the field of a conflict is the first that differs, in the order of the message") {
  using namespace examples;
  const Condition condition{account_id("bob"), Condition::What::posted, Condition::Op::ge, 1};
  const Transact first{.legs = {leg("bank", "bob", 1), leg("bank", "bob", 2)},
                       .effective = {},
                       .conditions = {condition},
                       .memo = "m"};
  const auto field = [&](auto change, std::string meta = "") {
    Transact second = first;
    change(second);
    const std::string a = transact(case_id(1), first).bytes();
    const std::string b = transact(case_id(1), second).with_meta(std::move(meta)).bytes();
    return difference(view_record(a), view_record(b)).value_or("");
  };
  CHECK(field([](Transact&) {}) == "");
  CHECK(field([](Transact&) {}, "{}") == "meta");
  CHECK(field([](Transact& t) { t.memo = "n"; }, "{}") == "memo");
  CHECK(field([](Transact& t) { t.legs[1].amount = 3; }) == "legs[1].amount");
  CHECK(field([](Transact& t) { std::swap(t.legs[0], t.legs[1]); }) == "legs[0].amount");
  CHECK(field([](Transact& t) { t.legs[0].debit = Id(); }) == "legs[0].debit");
  CHECK(field([](Transact& t) { t.legs[0].credit = Id(); }) == "legs[0].credit");
  CHECK(field([](Transact& t) { t.legs.pop_back(), t.memo = ""; }) == "legs");
  CHECK(field([](Transact& t) { t.effective = Time{0}, t.conditions.clear(); }) == "effective");
  CHECK(field([](Transact& t) { t.conditions.clear(), t.memo = ""; }) == "conditions");
  CHECK(field([](Transact& t) { t.conditions[0].account = Id(); }) == "conditions[0].account");
  CHECK(field([](Transact& t) { t.conditions[0].what = Condition::What::version; }) ==
        "conditions[0].what");
  CHECK(field([](Transact& t) { t.conditions[0].op = Condition::Op::le; }) == "conditions[0].op");
  CHECK(field([](Transact& t) { t.conditions[0].value = 2; }) == "conditions[0].value");

  const Account account{account_id("bank"), "assets:bank", "USD", AccountKind::asset, 1, 2};
  const auto account_field = [&](auto change) {
    Account second = account;
    change(second);
    const std::string a = examples::account(case_id(1), account).bytes();
    const std::string b = examples::account(case_id(1), second).bytes();
    return difference(view_record(a), view_record(b)).value_or("");
  };
  CHECK(account_field([](Account& a) { a.account = Id(), a.name = "x"; }) == "account");
  CHECK(account_field([](Account& a) { a.name = "x", a.asset = "y"; }) == "name");
  CHECK(account_field([](Account& a) { a.asset = "y", a.floor = 2; }) == "asset");
  CHECK(account_field([](Account& a) { a.kind = AccountKind::equity; }) == "kind");
  CHECK(account_field([](Account& a) { a.floor.reset(); }) == "floor");
  CHECK(account_field([](Account& a) { a.ceiling = 3; }) == "ceiling");

  const std::string usd = asset(case_id(1), "USD", 2).bytes();
  const auto asset_field = [&](const Maker& other) {
    const std::string bytes = other.bytes();
    return difference(view_record(usd), view_record(bytes)).value_or("");
  };
  CHECK(asset_field(asset(case_id(1), "EUR", 3)) == "code");
  CHECK(asset_field(asset(case_id(1), "USD", 3)) == "scale");
  CHECK(asset_field({case_id(1), Kind::asset, "?"}) == "body");
  CHECK(asset_field(raw(case_id(1), "x")) == "kind");
}

}  // namespace ledger::book
