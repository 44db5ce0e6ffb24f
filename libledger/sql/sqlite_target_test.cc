#include <doctest/doctest.h>
#include <sqlite3.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "base/time.h"
#include "sql/sqlite.h"
#include "sql/target.h"
#include "sql/testing.h"

namespace ledger::sql {
namespace {

using Access = Target::Access;

const Id alice = parse_id("018f0000-0000-7000-8000-000000a00002").value();
const Id bob = parse_id("018f0000-0000-7000-8000-000000a00003").value();

Watermark fresh(Amounts amounts = Amounts::integer) {
  Watermark out;
  out.name = "default";
  out.cluster = parse_id("018f0000-0000-7000-8000-00000000c001").value();
  out.amounts = amounts;
  return out;
}

Watermark moved(uint64_t next) {
  Watermark out = fresh();
  out.next_offset = Offset(next);
  out.last_id = alice;
  out.last_recorded = Time{17};
  out.state_digest.fill(7);
  return out;
}

Rows transaction(int64_t offset, const Id& id) {
  return {&table(TableName::transactions),
          {offset, id, "transfer", "posted", int64_t{1}, int64_t{2}, {}, {}, {}, {}, "{}"}};
}

Rows transfer(int64_t offset, Int128 amount) {
  return {&table(TableName::transfers),
          {offset, int64_t{0}, alice, bob, "USD", amount, int64_t{1}}};
}

std::unique_ptr<Target> made(const Scratch& scratch, Amounts amounts = Amounts::integer) {
  std::unique_ptr<Target> target = open_sqlite(scratch.opening(true)).value();
  REQUIRE(target->begin(Access::write));
  REQUIRE(target->create(fresh(amounts)));
  REQUIRE(target->commit());
  return target;
}

}  // namespace

TEST_CASE("a new file is empty, and holds a watermark at 0 once it was created") {
  const Scratch scratch;
  std::unique_ptr<Target> target = open_sqlite(scratch.opening(true)).value();
  REQUIRE(target->begin(Access::read));
  CHECK_FALSE(target->look().value().has_value());
  REQUIRE(target->commit());
  target = made(scratch, Amounts::text);
  REQUIRE(target->begin(Access::read));
  const Watermark found = target->look().value().value();
  CHECK(found.name == "default");
  CHECK(found.cluster == fresh().cluster);
  CHECK(found.amounts == Amounts::text);
  CHECK(found.next_offset == Offset(0));
  CHECK_FALSE(found.last_id);
  CHECK(found.state_digest == fresh().state_digest);
  CHECK(found.age_ms >= 0);
  CHECK(found.age_ms < 60'000);
}

TEST_CASE("the watermark moves from where it stands, and from nowhere else") {
  const Scratch scratch;
  const std::unique_ptr<Target> target = made(scratch);
  REQUIRE(target->begin(Access::write));
  CHECK(target->move(Offset(0), moved(5)).value());
  CHECK_FALSE(target->move(Offset(0), moved(7)).value());
  Watermark other = moved(9);
  other.name = "other";
  CHECK_FALSE(target->move(Offset(5), other).value());
  other = moved(9);
  other.cluster = bob;
  CHECK_FALSE(target->move(Offset(5), other).value());
  const Watermark found = target->look().value().value();
  CHECK(found.next_offset == Offset(5));
  CHECK(found.last_id == alice);
  CHECK(found.last_recorded == Time{17});
  CHECK(found.state_digest == moved(5).state_digest);
}

TEST_CASE("rows of a transaction that was not committed are not there") {
  const Scratch scratch;
  std::unique_ptr<Target> target = made(scratch);
  REQUIRE(target->begin(Access::write));
  REQUIRE(target->insert(transaction(1, alice)));
  target->rollback();
  CHECK(shell(scratch, "SELECT count(*) FROM transactions") == "0");
}

TEST_CASE("each row comes back as the text that its values have") {
  const Scratch scratch;
  const std::unique_ptr<Target> target = made(scratch);
  const Rows rows{&table(TableName::accounts),
                  {alice,
                   "liabilities:alice",
                   "USD",
                   "liability",
                   Int128{-5000},
                   {},
                   int64_t{0},
                   int64_t{1'767'225'621'000'000'009},
                   int64_t{3},
                   "{\"a\":1}"}};
  REQUIRE(target->begin(Access::write));
  REQUIRE(target->insert(rows));
  std::unique_ptr<Reader> reader = target->read(table(TableName::accounts)).value();
  Cells cells;
  REQUIRE(reader->next(cells).value());
  const Cells wanted{alice.text(), "liabilities:alice", "USD",   "liability",
                     "-5000",      std::nullopt,        "false", "2026-01-01T00:00:21.000000009Z",
                     "3",          "{\"a\":1}"};
  CHECK(cells == wanted);
  CHECK_FALSE(reader->next(cells).value());
}

TEST_CASE("a row that is there already is refused by its offset, out of hundreds") {
  const Scratch scratch;
  const std::unique_ptr<Target> target = made(scratch);
  REQUIRE(target->begin(Access::write));
  REQUIRE(target->insert(transfer(1234, 5)));
  Rows many{&table(TableName::transfers), {}};
  for (int64_t offset = 1000; offset < 1350; ++offset) {
    const Rows one = transfer(offset, 5);
    many.values.insert(many.values.end(), one.values.begin(), one.values.end());
  }
  const Result<void> inserted = target->insert(many);
  REQUIRE_FALSE(inserted);
  CHECK(inserted.error().code == Code::row_refused);
  CHECK(inserted.error().message == "offset 1234: the database refused a row in 'transfers'");
}

TEST_CASE("balances are replaced, one row an account") {
  const Scratch scratch;
  const std::unique_ptr<Target> target = made(scratch);
  const auto balance = [](Int128 debits, int64_t version) {
    return Rows{
        &table(TableName::balances),
        {alice, debits, Int128{0}, Int128{0}, Int128{0}, debits, debits, version, int64_t{9}}};
  };
  REQUIRE(target->begin(Access::write));
  REQUIRE(target->merge(balance(5, 1)));
  REQUIRE(target->merge(balance(8, 2)));
  REQUIRE(target->commit());
  CHECK(shell(scratch, "SELECT count(*), sum(debits_posted), sum(version) FROM balances") ==
        "1|8|2");
}

TEST_CASE("amounts are integers or text by the file's choice, and never floats") {
  for (const Amounts amounts : {Amounts::integer, Amounts::text}) {
    const Scratch scratch;
    const std::unique_ptr<Target> target = made(scratch, amounts);
    REQUIRE(target->begin(Access::write));
    const Int128 most = amounts == Amounts::text ? int128_max : Int128{INT64_MAX};
    REQUIRE(target->insert(transfer(1, most)));
    REQUIRE(target->commit());
    CHECK(shell(scratch, "SELECT typeof(amount) || amount FROM transfers") ==
          std::string(name(amounts)) + format_integer(most));
    // Whoever writes an amount as a literal that is none is told so by the file itself.
    const std::string refused =
        shell(scratch, "UPDATE transfers SET amount = 3.40282366920938e+38");
    CHECK(refused.starts_with("error: "));
    CHECK(shell(scratch, "UPDATE transfers SET amount = '0'").starts_with("error: "));
    CHECK(shell(scratch, "UPDATE transfers SET amount = '-5'").starts_with("error: "));
  }
}

TEST_CASE("somebody else's database is left alone") {
  const auto look = [](const Scratch& scratch) {
    const std::unique_ptr<Target> target = open_sqlite(scratch.opening(true)).value();
    REQUIRE(target->begin(Access::read));
    const auto found = target->look();
    REQUIRE_FALSE(found);
    return found.error().code;
  };
  SUBCASE("another application's tables") {
    const Scratch scratch;
    shell(scratch, "CREATE TABLE songs (title)");
    CHECK(look(scratch) == Code::database_mismatch);
    CHECK(shell(scratch, "PRAGMA journal_mode") == "delete");
  }
  SUBCASE("another application's empty file") {
    const Scratch scratch;
    shell(scratch, "PRAGMA application_id = 7");
    CHECK(look(scratch) == Code::database_mismatch);
  }
  SUBCASE("ours without a watermark") {
    const Scratch scratch;
    made(scratch);
    shell(scratch, "DELETE FROM replay");
    CHECK(look(scratch) == Code::database_mismatch);
    shell(scratch, "DROP TABLE replay");
    CHECK(look(scratch) == Code::database_mismatch);
  }
  SUBCASE("ours with two watermarks") {
    const Scratch scratch;
    made(scratch);
    shell(scratch,
          "INSERT INTO replay SELECT 'two', cluster_id, schema_version, first_offset, raw, "
          "next_offset, last_id, last_recorded_ns, state_digest, log_root, updated_at, "
          "amounts FROM replay");
    CHECK(look(scratch) == Code::database_mismatch);
  }
  SUBCASE("a newer schema") {
    const Scratch scratch;
    made(scratch);
    shell(scratch, "PRAGMA user_version = 2");
    CHECK(look(scratch) == Code::schema_too_new);
  }
  SUBCASE("no database at all") {
    const Scratch scratch;
    std::ofstream(scratch.path()) << std::string(8192, 'x');
    const auto target = open_sqlite(scratch.opening(true));
    REQUIRE_FALSE(target);
    CHECK(target.error().code == Code::database_mismatch);
  }
}

TEST_CASE("a file that is not there is made only when asked for") {
  const Scratch scratch;
  const auto missing = open_sqlite(scratch.opening(false));
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code == Code::no_such_file);
  CHECK_FALSE(std::filesystem::exists(scratch.path()));
}

TEST_CASE("a second writer waits, then is told that another replay has the target") {
  const Scratch scratch;
  const std::unique_ptr<Target> first = made(scratch);
  Opening opening = scratch.opening(true);
  opening.lock_timeout = Duration(50'000'000);
  const std::unique_ptr<Target> second = open_sqlite(opening).value();
  REQUIRE(first->begin(Access::write));
  const Result<void> begun = second->begin(Access::write);
  REQUIRE_FALSE(begun);
  CHECK(begun.error().code == Code::replay_locked);
  REQUIRE(first->commit());
  CHECK(second->begin(Access::write));
}

TEST_CASE("drop takes away all that create made") {
  const Scratch scratch;
  const std::unique_ptr<Target> target = made(scratch);
  REQUIRE(target->begin(Access::write));
  REQUIRE(target->drop());
  REQUIRE(target->commit());
  CHECK(shell(scratch, "SELECT count(*) FROM sqlite_schema") == "0");
}

TEST_CASE("every table, view and column of the file says what it is") {
  for (const Amounts amounts : {Amounts::integer, Amounts::text}) {
    const Scratch scratch;
    made(scratch, amounts);
    const auto check = [&](std::string_view name, const auto& columns) {
      CAPTURE(name);
      const std::string sql =
          shell(scratch, "SELECT sql FROM sqlite_schema WHERE name = '" + std::string(name) + "'");
      CHECK(std::ranges::count(sql, '\n') > static_cast<ptrdiff_t>(columns.size()));
      std::string names;
      for (const auto& column : columns) {
        CHECK(sql.find(std::string("-- ") + std::string(column.comment)) != std::string::npos);
        names += (names.empty() ? "" : ",") + std::string(column.name);
      }
      CHECK(shell(scratch, "SELECT group_concat(name) FROM pragma_table_info('" +
                               std::string(name) + "')") == names);
    };
    for (size_t i = 0; i < table_count; ++i) {
      const Table& each = table(static_cast<TableName>(i));
      check(each.name, each.columns);
    }
    check("replay", replay_table().columns);
    for (const View& view : views()) check(view.name, view.columns);
  }
}

}  // namespace ledger::sql
