// How fast a log becomes rows, against a plain load of the same rows in the same minute.
//
//     sql-bench [RECORDS [ACCOUNTS]]
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "sql/postgres_server.h"
#include "sql/projection.h"
#include "sql/replay.h"
#include "sql/scripted_source.h"
#include "sql/testing.h"

namespace ledger::sql {
namespace {

struct Cost {
  double wall_s = 0;
  double cpu_s = 0;
};

Cost now() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  const auto wall = std::chrono::steady_clock::now().time_since_epoch();
  return {std::chrono::duration<double>(wall).count(),
          seconds(usage.ru_utime) + seconds(usage.ru_stime)};
}

Cost measure(const auto& work) {
  const Cost before = now();
  work();
  const Cost after = now();
  return {after.wall_s - before.wall_s, after.cpu_s - before.cpu_s};
}

void must(const Result<void>& result) {
  if (result) return;
  std::fprintf(stderr, "%s\n", result.error().message.c_str());
  std::exit(1);
}

void print(const char* what, size_t records, Cost cost) {
  const auto count = static_cast<double>(records);
  std::printf("  %-34s %7.2f s  %9.0f records/s  %6.2f us CPU a record (client)\n", what,
              cost.wall_s, count / cost.wall_s, cost.cpu_s / count * 1e6);
}

/// One-leg transfers among accounts, ids in the order of time.
ScriptedSource make_log(size_t records, size_t accounts) {
  using namespace book::examples;
  ScriptedSource source;
  std::mt19937_64 random(1);
  const auto numbered = [](uint8_t kind, uint64_t number) {
    std::array<uint8_t, 10> tail{};
    for (size_t i = 0; i < 8; ++i) tail[i + 2] = static_cast<uint8_t>(number >> (56 - 8 * i));
    tail[1] = kind;
    return make_id(recorded(number), tail);
  };
  source.add(asset(numbered(0, 0), "USD", 2));
  for (size_t i = 0; i < accounts; ++i) {
    source.add(account(numbered(1, i), {numbered(2, i), "assets:a" + std::to_string(i), "USD",
                                        book::AccountKind::asset, std::nullopt, std::nullopt}));
  }
  for (size_t i = source.end_offset().value; i < records; ++i) {
    const uint64_t debit = random() % accounts;
    const uint64_t credit = (debit + 1 + random() % (accounts - 1)) % accounts;
    source.add(transact(numbered(4, i), {{{numbered(2, debit), numbered(2, credit),
                                           Int128(1 + random() % 100'000)}},
                                         std::nullopt,
                                         {},
                                         ""}));
  }
  source.batch_records = 4096;
  return source;
}

/// All rows of the log, as a loader would have them ready; their texts are the projection's.
const Batch& prepare(ScriptedSource& source, Projection& projection) {
  (void)source.seek(Offset(0), source.end_offset(), false);
  while (std::optional<book::Decided> decided = source.next(Duration(0)).value()) {
    Walk walk(*std::move(decided));
    while (const std::optional<Step> step = walk.next().value()) (void)projection.add(*step);
  }
  return projection.finish();
}

}  // namespace
}  // namespace ledger::sql

int main(int count, char** arguments) {
  using namespace ledger;
  using namespace ledger::sql;
  const size_t records = count > 1 ? std::strtoull(arguments[1], nullptr, 10) : 200'000;
  const size_t accounts = count > 2 ? std::strtoull(arguments[2], nullptr, 10) : 10'000;
  ScriptedSource source = make_log(records, accounts);
  std::printf("%zu records, %zu accounts, batches of 10000\n", records, accounts);

  Watermark start;
  start.name = "default";
  start.cluster = source.cluster();
  book::Book empty;
  empty.load_position(Offset(0), Time{INT64_MIN});
  Projection projection(std::move(empty), start);
  const Batch* rows = nullptr;
  print("projection alone", records, measure([&] { rows = &prepare(source, projection); }));

  // The probe: the same rows of transactions and transfers by the same statements, 10 000 a
  // transaction; no book, no digest, no watermark, and balances once at the end.
  const auto load = [&](Target& target) {
    const Batch& all = *rows;
    const auto part = [&](TableName name, size_t from) {
      const Rows& whole = all.of(name);
      const size_t width = whole.table->columns.size();
      Rows out{whole.table, {}};
      const size_t first = std::min(from, whole.count()) * width;
      const size_t last = std::min(from + 10'000, whole.count()) * width;
      out.values.assign(whole.values.begin() + static_cast<ptrdiff_t>(first),
                        whole.values.begin() + static_cast<ptrdiff_t>(last));
      return out;
    };
    for (size_t from = 0; from < records; from += 10'000) {
      must(target.begin(Target::Access::write));
      for (const TableName name : {TableName::assets, TableName::accounts, TableName::transactions,
                                   TableName::transfers}) {
        must(target.insert(part(name, from)));
      }
      if (from + 10'000 >= records) must(target.merge(all.of(TableName::balances)));
      must(target.commit());
    }
  };
  const auto compare = [&](const char* name, const std::function<void()>& clear,
                           const std::function<Result<std::unique_ptr<Target>>()>& open) {
    std::printf("%s\n", name);
    clear();
    Watermark made = start;
    const std::unique_ptr<Target> target = open().value();
    made.amounts = target->amounts(Amounts::integer);
    must(target->begin(Target::Access::write));
    must(target->create(made));
    must(target->commit());
    const Cost probe = measure([&] { load(*target); });
    print("plain load of the same rows", records, probe);
    clear();
    Job job;
    job.open = open;
    const Cost replay = measure([&] { run(source, job).value(); });
    print("replay", records, replay);
    std::printf("  replay is %.0f %% of the plain load\n", 100 * probe.wall_s / replay.wall_s);
  };
  {
    std::optional<Scratch> scratch;
    compare(
        "SQLite", [&] { scratch.emplace(); }, [&] { return open_sqlite(scratch->opening(true)); });
  }
  PostgresServer postgres;
  compare(
      "PostgreSQL", [&] { postgres.sql("DROP SCHEMA IF EXISTS ledger CASCADE"); },
      [&] { return open_target(postgres.opening(true), ""); });
  return 0;
}
