#include "book/detail_text.h"

#include <doctest/doctest.h>

#include "book/examples.h"
#include "book/memory_past.h"

namespace ledger::book {
namespace {

/// Decides the examples and says what is written about each.
std::vector<std::string> written(bool minor, bool sentences) {
  Book book;
  MemoryPast past;
  std::vector<std::string> out;
  DetailStyle style = style_of(book);
  style.minor = minor;
  for (const examples::Example& example : examples::log()) {
    const RecordView record = view_record(example.record);
    const Offset offset = book.next_offset();
    const Verdict verdict = book.apply({offset, examples::recorded(offset.value)}, record, past);
    past.add(record, verdict);
    out.push_back(sentences ? sentence(record.id, static_cast<Kind>(record.kind), verdict, style)
                            : detail_json(verdict.code, verdict.detail, style));
  }
  return out;
}

}  // namespace

TEST_CASE("with minor units a detail's amounts are integers, and still strings") {
  const std::vector<std::string> json = written(true, false);
  CHECK(
      json[27] ==
      R"({"leg":0,"account":"liabilities:alice","available":"6000","floor":"0","needed":"7500"})");
  CHECK(
      json[61] ==
      R"({"condition":1,"account":"liabilities:alice","what":"available","actual":"200","version":10})");
}

TEST_CASE("an account that nobody knows is written as its id, its amounts in minor units") {
  Detail detail{.account = examples::account_id("bob"), .leg = 1, .side = "debit", .total = 1234};
  CHECK(
      detail_json(Code::overflow, detail, {.find = {}}) ==
      R"({"leg":1,"account":"018f0000-0000-7000-8000-000000a00003","side":"debit","total":"1234"})");
}

TEST_CASE("what a detail from the network says can't break out of its JSON string") {
  CHECK(detail_json(Code::malformed, {.error = "a\"\\\n\x1fé"}, {.find = {}}) ==
        R"({"error":"a\"\\\u000a\u001fé"})");
}

TEST_CASE(
    "a detail without fields, and one with others than its verdict's, is written as far as it "
    "goes") {
  CHECK(detail_json(Code::ok, {}, {.find = {}}) == "{}");
  CHECK(detail_json(Code::overflow, {}, {.find = {}}) == "{}");
  CHECK(detail_json(Code::asset_exists, {.asset = "USD", .scale = 2}, {.find = {}}) ==
        R"({"scale":2})");
  CHECK(detail_json(Code::not_pending, {.scale = 2}, {.find = {}}) == "{}");
}

TEST_CASE("every refusal is said in one line with its numbers") {
  const std::vector<std::string> lines = written(false, true);
  const std::string id_7 = "018f0000-0000-7000-8000-000000000107";
  const std::string nobody = "018f0000-0000-7000-8000-000000a000aa";
  CHECK(lines[0] == "");
  CHECK(lines[16] == "asset exists with scale 2");
  CHECK(lines[17] == "no asset EUR");
  CHECK(lines[18] == "this account id is that of assets:bank");
  CHECK(lines[19] == "account liabilities:bob exists with id 018f0000-0000-7000-8000-000000a00003");
  CHECK(lines[22] == "");
  CHECK(lines[24] ==
        "id " + id_7 +
            " was used for a different transaction at offset 21 (field 'legs[0].amount')");
  CHECK(lines[25] ==
        "id " + id_7 + " was used for another kind of record at offset 21 (field 'kind')");
  CHECK(lines[27] == "account liabilities:alice has 60.00 available, needs 75.00 (floor 0.00)");
  CHECK(lines[29] == lines[27]);
  CHECK(lines[37] == "leg 0 debits USD and credits JPY");
  CHECK(lines[39] ==
        "account liabilities:alice-jpy has 750 posted, 9251 more would pass the ceiling 10000");
  CHECK(lines[42] == "no account " + nobody + " (leg 1, credit)");
  CHECK(lines[55] == "expected next offset 54, cluster is at 55");
  CHECK(lines[58] ==
        "valid until 2026-01-01T00:00:57.999999999Z, the log was at 2026-01-01T00:00:58Z");
  CHECK(lines[60] == "account liabilities:bob has version 11, against condition 0");
  CHECK(lines[61] == "account liabilities:alice has 2.00 available, against condition 1");
  CHECK(lines[63] == "no account " + nobody + " (condition 0)");
  CHECK(lines[64] == "account equity:fx has credits of 5.00, more would pass 2^127-1 minor units");
  CHECK(lines[78] == "record at offset 78 is malformed (invalid_amount)");
  CHECK(lines[76] ==
        "id 018f0000-0000-7000-8000-00000000013c was used for a different record at offset 74 "
        "(field 'body')");
}

}  // namespace ledger::book
