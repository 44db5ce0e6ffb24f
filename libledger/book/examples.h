// For tests: one log in which every rule of the book occurs, with what must be decided about each
// record. Made with an independent model of the rules; the answers are not ours to change.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/record.h"
#include "base/time.h"
#include "book/command.h"

namespace ledger::book::examples {

/// A record and its verdict. Its offset is its place in the log; each is an entry of its own.
struct Example {
  std::string name;
  std::string record;  ///< Without its size.
  std::string verdict = "ok";
  std::string detail = "{}";
  std::string balances = {};             ///< `bank 100.00 v1 · alice 100.00 v1`, after it.
  std::optional<uint64_t> repeats = {};  ///< The offset that this one is a duplicate of.
};

/// The time of the record at `offset`: one second apart.
inline Time recorded(uint64_t offset) {
  return *parse_time("2026-01-01") + std::chrono::seconds(offset);
}

inline Id id_ending(std::string_view digits) {
  std::string text = "018f0000-0000-7000-8000-000000000000";
  text.replace(text.size() - digits.size(), digits.size(), digits);
  return *parse_id(text);
}

/// The id of the record at an offset of the setup, and of a case.
inline Id record_id(unsigned number) {
  constexpr std::string_view hex = "0123456789abcdef";
  return id_ending(std::string{hex[number >> 8 & 15], hex[number >> 4 & 15], hex[number & 15]});
}
inline Id case_id(unsigned number) {
  return record_id(0x100 + number);
}

/// Accounts by the last part of their name. `nobody` is none.
inline Id account_id(const std::string& name) {
  static const std::map<std::string, std::string, std::less<>> endings = {
      {"bank", "a00001"},   {"alice", "a00002"},     {"bob", "a00003"},   {"fees", "a00004"},
      {"carol", "a00005"},  {"dave", "a00006"},      {"till", "a00007"},  {"fx", "a00008"},
      {"fx-jpy", "a00009"}, {"alice-jpy", "a0000a"}, {"vault", "a0000b"}, {"opening", "a0000c"},
      {"target", "a0000d"}, {"nobody", "a000aa"}};
  return id_ending(endings.at(name));
}

/// A record of any kind, put together.
struct Maker {
  Id id;
  Kind kind = Kind::raw;
  std::string body;
  std::optional<Offset> expect_offset = {};
  std::optional<Time> valid_until = {};
  std::string meta = {};

  Maker& expecting(uint64_t offset) {
    expect_offset = Offset(offset);
    return *this;
  }
  Maker& until(Time time) {
    valid_until = time;
    return *this;
  }
  Maker& with_meta(std::string text) {
    meta = std::move(text);
    return *this;
  }
  /// The record without its size.
  std::string bytes() const {
    std::string out;
    encode_record(out, {id, kind, expect_offset, valid_until, body, meta});
    Cursor cursor(out);
    return std::string(*take_record(cursor));
  }
};

inline Maker asset(Id id, std::string code, uint32_t scale) {
  return {id, Kind::asset, encode(Asset{std::move(code), scale})};
}
inline Maker account(Id id, Account account) {
  return {id, Kind::account, encode(account)};
}
inline Maker raw(Id id, std::string body) {
  return {id, Kind::raw, std::move(body)};
}
inline Maker transact(Id id, const Transact& transact) {
  return {id, Kind::transact, encode(transact)};
}

/// A leg from `debit` to `credit`, in minor units, or as USD.
inline Leg leg(const std::string& debit, const std::string& credit, Int128 amount) {
  return {account_id(debit), account_id(credit), amount};
}
inline Leg leg(const std::string& debit, const std::string& credit, std::string_view usd) {
  return leg(debit, credit, *parse_amount(usd, 2));
}
/// The common case: the transaction of a case, of one leg or several.
inline Maker post(unsigned number, std::vector<Leg> legs) {
  return transact(case_id(number),
                  {.legs = std::move(legs), .effective = {}, .conditions = {}, .memo = {}});
}
inline Maker post_if(unsigned number, std::vector<Condition> conditions, Leg leg) {
  return transact(
      case_id(number),
      {.legs = {leg}, .effective = {}, .conditions = std::move(conditions), .memo = {}});
}
inline Maker rent(unsigned number, std::string_view usd, std::string memo) {
  return transact(case_id(number), {.legs = {leg("alice", "bob", usd)},
                                    .effective = {},
                                    .conditions = {},
                                    .memo = std::move(memo)});
}

/// Offsets 0 to 14: assets and accounts, all ok.
inline void add_setup(std::vector<Example>& log) {
  const auto add = [&log](const Maker& maker) {
    log.push_back({.name = "setup", .record = maker.bytes()});
  };
  const auto open = [&](std::string name, std::string unit, std::optional<Int128> floor = {},
                        std::optional<Int128> ceiling = {}) {
    const AccountKind kind = *kind_of_name(name);
    const Id id = account_id(name.substr(name.find(':') + 1));
    add(account(record_id(static_cast<unsigned>(log.size())),
                {id, std::move(name), std::move(unit), kind, floor, ceiling}));
  };
  add(asset(record_id(0), "USD", 2));
  add(asset(record_id(1), "JPY", 0));
  open("assets:bank", "USD");
  open("liabilities:alice", "USD", 0);
  open("liabilities:bob", "USD", 0);
  open("income:fees", "USD");
  open("liabilities:carol", "USD", -5000);
  open("liabilities:dave", "USD", 5000);
  open("assets:till", "USD", 0, 100000);
  open("equity:fx", "USD");
  open("equity:fx-jpy", "JPY");
  open("liabilities:alice-jpy", "JPY", 0, 10000);
  open("assets:vault", "USD");
  open("equity:opening", "USD");
  open("equity:target", "USD", {}, -1000);
}

/// Offsets 15 to 35: definitions, the first payments, repeated ids, floors.
inline void add_payments(std::vector<Example>& log) {
  const auto add = [&log](const Maker& maker, Example rest) {
    rest.record = maker.bytes();
    log.push_back(std::move(rest));
  };
  const std::string conflict = "id_conflict";
  const std::string poor = "insufficient_funds";
  add(asset(case_id(1), "USD", 2), {.name = "case 1", .record = {}});
  add(asset(case_id(2), "USD", 3), {"case 2", {}, "asset_exists", R"({"scale":2})"});
  add(account(case_id(3),
              {id_ending("a000ee"), "liabilities:eve", "EUR", AccountKind::liability, {}, {}}),
      {"case 3", {}, "asset_not_found", R"({"asset":"EUR"})"});
  add(account(case_id(4), {account_id("bank"), "assets:other", "USD", AccountKind::asset, {}, {}}),
      {"case 4", {}, "account_exists", R"({"name":"assets:bank"})"});
  add(account(case_id(5),
              {id_ending("a000ef"), "liabilities:bob", "USD", AccountKind::liability, {}, {}}),
      {"case 5",
       {},
       "name_taken",
       R"({"name":"liabilities:bob","holder":"018f0000-0000-7000-8000-000000a00003"})"});
  add(post(6, {leg("bank", "alice", "100.00")}),
      {"case 6", {}, "ok", "{}", "bank 100.00 v1 · alice 100.00 v1"});
  const std::string after_7 = "alice 60.00 v2 · bob 40.00 v1";
  add(rent(7, "40.00", "rent"), {"case 7", {}, "ok", "{}", after_7});
  add(rent(7, "40.00", "rent"), {"case 8", {}, "ok", "{}", after_7, 21});
  add(rent(7, "40.00", "rent").until(recorded(3600)), {"case 9", {}, "ok", "{}", after_7, 21});
  add(rent(7, "41.00", "rent"),
      {"case 10", {}, conflict, R"({"first_offset":21,"field":"legs[0].amount"})", after_7});
  add(raw(case_id(7), "hello"), {"case 11", {}, conflict, R"({"first_offset":21,"field":"kind"})"});
  add(rent(7, "40.00", ""),
      {"case 12", {}, conflict, R"({"first_offset":21,"field":"memo"})", after_7});
  const std::string poor_13 =
      R"({"leg":0,"account":"liabilities:alice","available":"60.00","floor":"0.00","needed":"75.00"})";
  add(post(13, {leg("alice", "bob", "75.00")}), {"case 13", {}, poor, poor_13, after_7});
  add(post(14, {leg("bank", "alice", "50.00")}),
      {"case 14", {}, "ok", "{}", "bank 150.00 v2 · alice 110.00 v3"});
  add(post(13, {leg("alice", "bob", "75.00")}),
      {"case 15", {}, poor, poor_13, "alice 110.00 v3 · bob 40.00 v1", 27});
  add(post(16, {leg("alice", "bob", "75.00")}),
      {"case 16", {}, "ok", "{}", "alice 35.00 v4 · bob 115.00 v2"});
  add(post(17, {leg("alice", "bob", "35.00")}),
      {"case 17", {}, "ok", "{}", "alice 0.00 v5 · bob 150.00 v3"});
  add(post(18, {leg("alice", "bob", "0.01")}),
      {"case 18",
       {},
       poor,
       R"({"leg":0,"account":"liabilities:alice","available":"0.00","floor":"0.00","needed":"0.01"})",
       "alice 0.00 v5 · bob 150.00 v3"});
  add(post(19, {leg("bob", "alice", "40.00"), leg("bob", "fees", "0.50")}),
      {"case 19", {}, "ok", "{}", "bob 109.50 v4 · alice 40.00 v6 · fees 0.50 v1"});
  add(post(20, {leg("alice", "bob", "30.00"), leg("alice", "fees", "10.01")}),
      {"case 20",
       {},
       poor,
       R"({"leg":0,"account":"liabilities:alice","available":"40.00","floor":"0.00","needed":"40.01"})",
       "alice 40.00 v6 · bob 109.50 v4 · fees 0.50 v1"});
  add(post(21, {leg("alice", "bob", "60.00"), leg("bob", "alice", "60.00")}),
      {"case 21", {}, "ok", "{}", "alice 40.00 v7 · bob 109.50 v5"});
}

/// Offsets 36 to 53: several legs, assets, limits on both sides.
inline void add_limits(std::vector<Example>& log) {
  const auto add = [&log](unsigned number, std::vector<Leg> legs, std::string verdict,
                          std::string detail, std::string balances) {
    log.push_back({"case " + std::to_string(number), post(number, std::move(legs)).bytes(),
                   std::move(verdict), std::move(detail), std::move(balances)});
  };
  const std::string poor = "insufficient_funds";
  const std::string full = "ceiling_exceeded";
  add(22, {leg("alice", "bob", "55.00"), leg("bank", "alice", "20.00")}, "ok", "{}",
      "alice 5.00 v8 · bob 164.50 v6 · bank 170.00 v3");
  add(23, {leg("alice", "alice-jpy", "1.00")}, "asset_mismatch",
      R"({"leg":0,"debit_asset":"USD","credit_asset":"JPY"})", "alice 5.00 v8 · alice-jpy 0 v0");
  add(24, {leg("alice", "fx", "5.00"), leg("fx-jpy", "alice-jpy", 750)}, "ok", "{}",
      "alice 0.00 v9 · fx 5.00 v1 · fx-jpy -750 v1 · alice-jpy 750 v1");
  add(25, {leg("fx-jpy", "alice-jpy", 9251)}, full,
      R"({"leg":0,"account":"liabilities:alice-jpy","posted":"750","ceiling":"10000","added":"9251"})",
      "alice-jpy 750 v1");
  add(26, {leg("fx-jpy", "alice-jpy", 9250)}, "ok", "{}", "fx-jpy -10000 v2 · alice-jpy 10000 v2");
  add(27, {leg("nobody", "bob", "1.00")}, "account_not_found",
      R"({"leg":0,"side":"debit","account":"018f0000-0000-7000-8000-000000a000aa"})",
      "bob 164.50 v6");
  add(28, {leg("bob", "alice", "1.00"), leg("bob", "nobody", "1.00")}, "account_not_found",
      R"({"leg":1,"side":"credit","account":"018f0000-0000-7000-8000-000000a000aa"})",
      "bob 164.50 v6");
  add(29, {leg("carol", "bob", "50.00")}, "ok", "{}", "carol -50.00 v1 · bob 214.50 v7");
  add(30, {leg("carol", "bob", "0.01")}, poor,
      R"({"leg":0,"account":"liabilities:carol","available":"-50.00","floor":"-50.00","needed":"0.01"})",
      "carol -50.00 v1 · bob 214.50 v7");
  add(31, {leg("bank", "dave", "20.00")}, "ok", "{}", "bank 190.00 v4 · dave 20.00 v1");
  add(32, {leg("dave", "bob", "1.00")}, poor,
      R"({"leg":0,"account":"liabilities:dave","available":"20.00","floor":"50.00","needed":"1.00"})",
      "dave 20.00 v1 · bob 214.50 v7");
  add(33, {leg("bank", "dave", "40.00")}, "ok", "{}", "bank 230.00 v5 · dave 60.00 v2");
  add(34, {leg("dave", "bob", "10.00")}, "ok", "{}", "dave 50.00 v3 · bob 224.50 v8");
  add(35, {leg("till", "bank", "1000.00")}, "ok", "{}", "till 1000.00 v1 · bank -770.00 v6");
  add(36, {leg("till", "bank", "0.01")}, full,
      R"({"leg":0,"account":"assets:till","posted":"1000.00","ceiling":"1000.00","added":"0.01"})",
      "till 1000.00 v1");
  add(37, {leg("bank", "till", "1000.01")}, poor,
      R"({"leg":0,"account":"assets:till","available":"1000.00","floor":"0.00","needed":"1000.01"})",
      "till 1000.00 v1");
  add(38, {leg("target", "opening", "5.00")}, "ok", "{}", "target -5.00 v1 · opening 5.00 v1");
  add(39, {leg("opening", "target", "1.00")}, full,
      R"({"leg":0,"account":"equity:target","posted":"-5.00","ceiling":"-10.00","added":"1.00"})",
      "target -5.00 v1 · opening 5.00 v1");
}

/// Offsets 54 to 63: guards and conditions.
inline void add_guards(std::vector<Example>& log) {
  const auto add = [&log](unsigned number, const Maker& maker, Example rest) {
    rest.name = "case " + std::to_string(number);
    rest.record = maker.bytes();
    log.push_back(std::move(rest));
  };
  using enum Condition::What;
  using enum Condition::Op;
  const Id bob = account_id("bob");
  const Id alice = account_id("alice");
  const Leg one = leg("bank", "bob", "1.00");
  const Leg two = leg("bob", "alice", "2.00");
  const std::string mismatch = R"({"expected":54,"actual_offset":55})";
  add(40, post(40, {one}).expecting(54), {{}, {}, "ok", "{}", "bob 225.50 v9"});
  add(41, post(41, {one}).expecting(54), {{}, {}, "offset_mismatch", mismatch, "bob 225.50 v9"});
  add(42, post(41, {one}).expecting(56),
      {{}, {}, "offset_mismatch", mismatch, "bob 225.50 v9", 55});
  add(43, post(43, {one}).until(recorded(57)), {{}, {}, "ok", "{}", "bob 226.50 v10"});
  add(44, post(44, {one}).until(recorded(58) + Duration(-1)),
      {{},
       {},
       "too_late",
       R"({"valid_until":"2026-01-01T00:00:57.999999999Z","log_time":"2026-01-01T00:00:58.000000000Z"})",
       "bob 226.50 v10"});
  add(45, post_if(45, {{bob, version, eq, 10}}, two),
      {{}, {}, "ok", "{}", "bob 224.50 v11 · alice 2.00 v10"});
  add(46, post_if(46, {{bob, version, eq, 10}}, two),
      {{},
       {},
       "condition_failed",
       R"({"condition":0,"account":"liabilities:bob","what":"version","actual":11,"version":11})",
       "bob 224.50 v11 · alice 2.00 v10"});
  add(47, post_if(47, {{bob, posted, ge, 0}, {alice, available, ge, 100000}}, two),
      {{},
       {},
       "condition_failed",
       R"({"condition":1,"account":"liabilities:alice","what":"available","actual":"2.00","version":10})",
       "bob 224.50 v11 · alice 2.00 v10"});
  add(48, post_if(48, {{alice, available, le, 200}}, leg("bank", "alice", "1.00")),
      {{}, {}, "ok", "{}", "alice 3.00 v11"});
  add(49, post_if(49, {{account_id("nobody"), version, eq, 0}}, leg("bank", "alice", "1.00")),
      {{},
       {},
       "account_not_found",
       R"({"condition":0,"account":"018f0000-0000-7000-8000-000000a000aa"})",
       "alice 3.00 v11"});
}

/// Offsets 64 to 72: totals near 2^127, and which refusal comes first.
inline void add_extremes(std::vector<Example>& log) {
  const auto add = [&log](unsigned number, const Maker& maker, std::string verdict,
                          std::string detail, std::string balances) {
    log.push_back({"case " + std::to_string(number), maker.bytes(), std::move(verdict),
                   std::move(detail), std::move(balances)});
  };
  const std::string big = "1701411834604692317316873037158841057.27";
  const std::string overflow = "overflow";
  const std::string nobody =
      R"({"leg":0,"side":"debit","account":"018f0000-0000-7000-8000-000000a000aa"})";
  const std::vector<Condition> failing = {
      {account_id("bob"), Condition::What::version, Condition::Op::eq, 999}};
  add(50, post(50, {leg("vault", "fx", int128_max)}), overflow,
      R"({"leg":0,"account":"equity:fx","side":"credit","total":"5.00"})",
      "vault 0.00 v0 · fx 5.00 v1");
  add(51, post(51, {leg("vault", "fx", int128_max - 500)}), "ok", "{}",
      "vault 1701411834604692317316873037158841052.27 v1 · fx " + big + " v2");
  add(52, post(52, {leg("vault", "fees", 500)}), "ok", "{}", "vault " + big + " v2 · fees 5.50 v2");
  const std::string vault_full =
      R"("account":"assets:vault","side":"debit","total":")" + big + R"("})";
  add(53, post(53, {leg("vault", "fees", "0.01")}), overflow, R"({"leg":0,)" + vault_full,
      "vault " + big + " v2 · fees 5.50 v2");
  add(54, post(54, std::vector<Leg>(3, leg("opening", "target", int128_max))), overflow,
      R"({"leg":1,"account":"equity:opening","side":"debit","total":"0.00"})",
      "opening 5.00 v1 · target -5.00 v1");
  add(55, post_if(55, failing, leg("nobody", "bob", "1.00")), "account_not_found", nobody, "");
  add(56, post(56, {leg("nobody", "bob", "1.00")}).until(recorded(0)), "too_late",
      R"({"valid_until":"2026-01-01T00:00:00.000000000Z","log_time":"2026-01-01T00:01:10.000000000Z"})",
      "");
  add(57, post_if(57, failing, leg("alice", "alice-jpy", 100)), "asset_mismatch",
      R"({"leg":0,"debit_asset":"USD","credit_asset":"JPY"})", "");
  add(58, post(58, {leg("bob", "alice", "10000000.00"), leg("vault", "fees", "0.01")}), overflow,
      R"({"leg":1,)" + vault_full, "bob 224.50 v11");
}

/// Offsets 73 to 80: effective time, raw records, what a leader should not have written.
inline void add_rest(std::vector<Example>& log) {
  const auto add = [&log](unsigned number, const Maker& maker, Example rest) {
    rest.name = "case " + std::to_string(number);
    rest.record = maker.bytes();
    log.push_back(std::move(rest));
  };
  const std::string conflict = "id_conflict";
  const Transact earlier{.legs = {leg("bank", "bob", "3.00")},
                         .effective = parse_time("2025-12-31"),
                         .conditions = {},
                         .memo = {}};
  add(59, transact(case_id(59), earlier),
      {{}, {}, "ok", "{}", "bank -764.00 v10 · bob 227.50 v12"});
  add(60, raw(case_id(60), "hello"), {});
  add(61, raw(case_id(60), "hello"), {{}, {}, "ok", "{}", "", 74});
  add(62, raw(case_id(60), "hullo"), {{}, {}, conflict, R"({"first_offset":74,"field":"body"})"});
  add(63, raw(case_id(60), "hello").with_meta(R"({"a":1})"),
      {{}, {}, conflict, R"({"first_offset":74,"field":"meta"})"});
  add(64, post(64, {leg("bank", "bob", 0)}),
      {{}, {}, "malformed", R"({"error":"invalid_amount"})", "bob 227.50 v12"});
  const std::string late =
      R"({"valid_until":"2026-01-01T00:00:00.000000000Z","log_time":"2026-01-01T00:01:19.000000000Z"})";
  const Leg one = leg("bank", "bob", "1.00");
  add(65, post(65, {one}).until(recorded(0)), {{}, {}, "too_late", late, "bob 227.50 v12"});
  add(66, post(65, {one}), {{}, {}, "too_late", late, "bob 227.50 v12", 79});
}

/// The whole log, 81 records.
inline std::vector<Example> log() {
  std::vector<Example> all;
  add_setup(all);
  add_payments(all);
  add_limits(all);
  add_guards(all);
  add_extremes(all);
  add_rest(all);
  return all;
}

}  // namespace ledger::book::examples
