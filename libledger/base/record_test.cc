#include "base/record.h"

#include <doctest/doctest.h>

using namespace ledger;

namespace {

const Id id = *parse_id("018f0000-0000-7000-8000-00000000013c");

std::string encoded(const RecordFields& fields) {
  std::string out;
  encode_record(out, fields);
  CHECK(out.size() == record_bytes(fields));
  return out;
}

RecordView viewed(Bytes packed) {
  Cursor cursor(packed);
  const std::optional<Bytes> bytes = take_record(cursor);
  REQUIRE(bytes);
  CHECK(cursor.empty());
  return view_record(*bytes);
}

}  // namespace

TEST_CASE("a raw record has the bytes of the specification") {
  using namespace std::string_literals;
  CHECK(encoded({.id = id, .body = "hello"}) ==
        "\x17\x01\x8f\0\0\0\0\x70\0\x80\0\0\0\0\0\x01\x3c\0\0hello"s);
}

TEST_CASE("a record of 128 bytes takes 148") {
  CHECK(record_bytes({.id = id, .body = std::string(128, 'x')}) == 148);
}

TEST_CASE("every field of a record is read back") {
  const RecordFields fields{.id = id,
                            .kind = Kind::transact,
                            .expect_offset = Offset(77),
                            .valid_until = Time{-1},
                            .body = "body",
                            .meta = "{}"};
  const std::string packed = encoded(fields);
  const RecordView view = viewed(packed);
  CHECK(view.whole);
  CHECK(view.id == id);
  CHECK(view.kind == 3);
  CHECK(view.flags == 7);
  CHECK(view.expect_offset == Offset(77));
  CHECK(view.valid_until == Time{-1});
  CHECK(view.body == "body");
  CHECK(view.meta == "{}");
}

TEST_CASE("a record cut anywhere is never taken for a whole one with the same fields") {
  const std::string packed = encoded({.id = id,
                                      .kind = Kind::raw,
                                      .expect_offset = Offset(1),
                                      .valid_until = Time{2},
                                      .body = "",
                                      .meta = "{\"a\":1}"});
  const Bytes bytes = Bytes(packed).substr(1);
  for (size_t size = 0; size < bytes.size(); ++size) {
    CAPTURE(size);
    const RecordView view = view_record(bytes.substr(0, size));
    CHECK(view.readable == (size >= record_fixed_bytes));
    CHECK_FALSE(view.whole);
  }
}

TEST_CASE("unknown flags make a record unwhole, and its id stays readable") {
  std::string packed = encoded({.id = id, .body = "x"});
  packed[18] = 8;
  const RecordView view = viewed(packed);
  CHECK(view.readable);
  CHECK(view.id == id);
  CHECK_FALSE(view.whole);
}

TEST_CASE("packed records are counted only when nothing is left over") {
  std::string packed = encoded({.id = id, .body = "x"}) + encoded({.id = id, .body = ""});
  CHECK(count_records(packed) == 2);
  CHECK(count_records("") == 0);
  packed.pop_back();
  CHECK_FALSE(count_records(packed));
}
