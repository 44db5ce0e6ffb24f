// The worked examples: one log, decided from the first record to the last.
#include "book/examples.h"

#include <doctest/doctest.h>

#include <numeric>

#include "book/book.h"
#include "book/detail_text.h"
#include "book/memory_past.h"

namespace ledger::book {
namespace {

std::string hex(Bytes bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    out += digits[static_cast<uint8_t>(c) >> 4];
    out += digits[static_cast<uint8_t>(c) & 15];
  }
  return out;
}

std::string hex(const Digest& digest) {
  return hex({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

/// A book that has decided a part of the examples.
struct Ledger {
  std::vector<examples::Example> log = examples::log();
  Book book;
  MemoryPast past;

  Verdict apply(size_t offset) {
    const RecordView record = view_record(log[offset].record);
    const Verdict verdict = book.apply({Offset(offset), examples::recorded(offset)}, record, past);
    past.add(record, verdict);
    return verdict;
  }

  void apply_to(size_t end) {
    for (size_t offset = book.next_offset().value; offset < end; ++offset) apply(offset);
  }

  /// `bank 100.00 v1`, by the last part of the name.
  std::string balance(const Id& id) const {
    const AccountRow row = book.account(id).value();
    const std::string& name = row.account.name;
    return name.substr(name.find(':') + 1) + " " +
           format_amount(row.posted(), book.asset(row.account.asset)->scale) + " v" +
           std::to_string(row.version);
  }
};

std::vector<std::string> split(const std::string& text, const std::string& separator) {
  std::vector<std::string> parts;
  size_t start = 0;
  while (!text.empty() && start <= text.size()) {
    const size_t end = std::min(text.find(separator, start), text.size());
    parts.push_back(text.substr(start, end - start));
    start = end + separator.size();
  }
  return parts;
}

}  // namespace

TEST_CASE("every worked example gets the verdict, detail and balances of the specification") {
  Ledger ledger;
  REQUIRE(ledger.log.size() == 81);
  for (size_t offset = 0; offset < ledger.log.size(); ++offset) {
    const examples::Example& example = ledger.log[offset];
    CAPTURE(example.name);
    const Verdict verdict = ledger.apply(offset);
    CHECK(name(verdict.code) == example.verdict);
    CHECK(detail_json(verdict.code, verdict.detail, style_of(ledger.book)) == example.detail);
    CHECK(verdict.duplicate == example.repeats.has_value());
    uint64_t first = example.repeats.value_or(offset);
    if (verdict.code == Code::id_conflict) first = verdict.detail.first_offset.value().value;
    CHECK(verdict.first == Offset(first));
    for (const std::string& balance : split(example.balances, " · ")) {
      const std::string account = balance.substr(0, balance.find(' '));
      CHECK(ledger.balance(examples::account_id(account)) == balance);
    }
  }
}

TEST_CASE("records have the bytes of the specification") {
  const std::vector<examples::Example> log = examples::log();
  const auto packed = [](const std::string& record) {
    std::string out;
    put_varint(out, record.size());
    return hex(out + record);
  };
  const std::string id = "018f0000000070008000000000000";
  CHECK(packed(log[0].record) == "19" + id + "00001000a035553441002");
  CHECK(packed(log[6].record) ==
        "42" + id +
            "00602000a10018f0000000070008000000000a0000512116c696162696c69746965733a6361726f"
            "6c1a0355534420022a02ec78");
  const std::string body =
      "0a280a10018f0000000070008000000000a000021210018f0000000070008000000000a000031a020fa0"
      "320472656e74";
  CHECK(packed(log[21].record) == "42" + id + "1070300" + body);                  // case 7
  CHECK(packed(log[23].record) == "4a" + id + "107030200a0b21e98758618" + body);  // case 9
  CHECK(packed(log[74].record) == "17" + id + "13c000068656c6c6f");               // case 60
}

TEST_CASE(
    "the digests of the worked examples are those of the specification, however often asked") {
  Ledger ledger;
  CHECK(ledger.book.digest() == Digest{});
  ledger.apply_to(1);
  CHECK(hex(ledger.book.digest()) ==
        "6d9b48109c9182786858e5863c72fd60e2c3986927d52ee0565df75e051a40d0");
  ledger.apply_to(15);
  CHECK(hex(ledger.book.digest()) ==
        "0437e9b5cff77f160e15195383b12a771dab32e35f4e607a5edb2af54688b43c");
  const std::string last = "d46ca99e9cd5d2a4c5031f67b422bd809c732444ebda7c5afe360f17a8bb9e06";
  SUBCASE("once at the end") {
    ledger.apply_to(81);
  }
  SUBCASE("after every record") {
    while (ledger.book.next_offset() < Offset(81)) {
      ledger.apply(ledger.book.next_offset().value);
      ledger.book.digest();
    }
  }
  CHECK(hex(ledger.book.digest()) == last);
}

TEST_CASE("the worked examples end with the table of the specification") {
  struct Line {
    const char* name;
    const char* debits;
    const char* credits;
    const char* posted;
    uint64_t version;
  };
  const char* big = "170141183460469231731687303715884105727";
  const char* big_usd = "1701411834604692317316873037158841057.27";
  const Line lines[] = {{"assets:bank", "23600", "100000", "-764.00", 10},
                        {"liabilities:alice", "27000", "27300", "3.00", 11},
                        {"liabilities:bob", "10250", "33000", "227.50", 12},
                        {"income:fees", "0", "550", "5.50", 2},
                        {"liabilities:carol", "5000", "0", "-50.00", 1},
                        {"liabilities:dave", "1000", "6000", "50.00", 3},
                        {"assets:till", "100000", "0", "1000.00", 1},
                        {"equity:fx", "0", big, big_usd, 2},
                        {"equity:fx-jpy", "10000", "0", "-10000", 2},
                        {"liabilities:alice-jpy", "0", "10000", "10000", 2},
                        {"assets:vault", big, "0", big_usd, 2},
                        {"equity:opening", "0", "500", "5.00", 1},
                        {"equity:target", "500", "0", "-5.00", 1}};
  Ledger ledger;
  ledger.apply_to(81);
  CHECK(ledger.book.account_count() == std::size(lines));
  for (const Line& line : lines) {
    CAPTURE(line.name);
    const AccountRow row = ledger.book.account(std::string_view(line.name)).value();
    CHECK(format_integer(static_cast<Int128>(row.debits_posted)) == line.debits);
    CHECK(format_integer(static_cast<Int128>(row.credits_posted)) == line.credits);
    CHECK(format_amount(row.posted(), ledger.book.asset(row.account.asset)->scale) == line.posted);
    CHECK((row.available() == row.posted()));
    CHECK(row.version == line.version);
  }
}

TEST_CASE("the worked examples end with the sums and the counts of the specification") {
  Ledger ledger;
  ledger.apply_to(81);

  std::map<std::string, std::pair<Uint128, Uint128>> sums;
  ledger.book.each_account("", [&](const AccountRow& row) {
    sums[row.account.asset].first += row.debits_posted;
    sums[row.account.asset].second += row.credits_posted;
  });
  // 170141183460469231731687303715884273077, which is above 2^127-1.
  const Uint128 usd = static_cast<Uint128>(int128_max) + (884'273'077 - 884'105'727);
  CHECK((sums["USD"].first == usd));
  CHECK((sums["USD"].second == usd));
  CHECK((sums["JPY"].first == 10000));
  CHECK((sums["JPY"].second == 10000));

  std::map<std::string, int> counts;
  for (uint64_t offset = 0; offset < 81; ++offset) {
    const uint8_t code = ledger.past.code(Offset(offset));
    ++counts[code == duplicate_mark ? "duplicate" : std::string(name(static_cast<Code>(code)))];
  }
  const std::map<std::string, int> wanted = {{"ok", 40},
                                             {"asset_exists", 1},
                                             {"asset_not_found", 1},
                                             {"account_exists", 1},
                                             {"name_taken", 1},
                                             {"id_conflict", 5},
                                             {"insufficient_funds", 6},
                                             {"asset_mismatch", 2},
                                             {"ceiling_exceeded", 3},
                                             {"account_not_found", 4},
                                             {"offset_mismatch", 1},
                                             {"too_late", 3},
                                             {"condition_failed", 2},
                                             {"overflow", 4},
                                             {"malformed", 1},
                                             {"duplicate", 6}};
  CHECK(counts == wanted);
}

}  // namespace ledger::book
