// How fast the book decides: transactions of one leg between random accounts, each with a new id
// that is looked up and remembered.
//
//   book_bench [ACCOUNTS…]
//
// Prints, beside each rate, that of a probe in the same run: the least that any state machine with
// these maps has to do (look up two accounts, add, remember the id).

#include <absl/container/flat_hash_map.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <random>

#include "book/book.h"
#include "book/memory_past.h"

namespace ledger::book {
namespace {

/// Seconds of processor time of this thread: what others do on the machine counts little.
double now() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

/// No record repeats another, so none is read again.
class Ids : public MemoryIndex {
  RecordView record(Offset) override { std::abort(); }
};

/// Ids without a second look-up: their order is that of a counter, their bytes are well mixed.
Id mixed_id(uint64_t space, uint64_t number) {
  const auto mix = [](uint64_t x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
  };
  Id id;
  store(reinterpret_cast<char*>(id.bytes.data()), mix(number + space));
  store(reinterpret_cast<char*>(id.bytes.data()) + 8, mix(number ^ ~space));
  return id;
}

constexpr uint64_t account_space = 1ull << 60;
constexpr uint64_t record_space = 1ull << 61;

class Bench {
 public:
  explicit Bench(uint64_t accounts) : accounts_(accounts) {
    past_.reserve(accounts + (3u << 20));
    apply(Kind::asset, record_space, encode(Asset{"USD", 2}));
    for (uint64_t i = 0; i < accounts; ++i) {
      const Account account{mixed_id(account_space, i),
                            "liabilities:a" + std::to_string(i),
                            "USD",
                            AccountKind::liability,
                            int128_min,
                            std::nullopt};
      apply(Kind::account, record_space, encode(account));
    }
  }

  /// Transactions a second.
  double transactions(uint64_t count, bool prefetches) {
    constexpr uint64_t batch = 4096;
    double seconds = 0;
    for (uint64_t done = 0; done < count; done += batch) {
      const std::string packed = make_batch(batch);
      std::vector<RecordView> records;
      Cursor cursor(packed);
      while (const std::optional<Bytes> bytes = take_record(cursor)) {
        records.push_back(view_record(*bytes));
      }
      const double start = now();
      for (std::span<const RecordView> rest = records; !rest.empty();) {
        const auto some = rest.first(std::min(rest.size(), Book::prefetch_records));
        rest = rest.subspan(some.size());
        if (prefetches) book_.prefetch(some, past_);
        for (const RecordView& record : some) {
          const Verdict verdict = book_.apply(next(), record, past_);
          if (verdict.code != Code::ok) std::abort();
        }
      }
      seconds += now() - start;
    }
    return static_cast<double>(count) / seconds;
  }

  /// The same maps and sums with nothing around them.
  double probe(uint64_t count) {
    struct Totals {
      Uint128 debits = 0;
      Uint128 credits = 0;
    };
    absl::flat_hash_map<Id, Totals> totals;
    absl::flat_hash_map<Id, uint64_t> ids;
    ids.reserve(accounts_ + (3u << 20));
    for (uint64_t i = 0; i < accounts_; ++i) totals.emplace(mixed_id(account_space, i), Totals{});
    for (uint64_t i = 0; i < accounts_; ++i) ids.emplace(mixed_id(record_space, i), i);
    std::vector<std::pair<Id, Id>> pairs(count);
    for (auto& [debit, credit] : pairs) {
      debit = some_account();
      credit = some_account();
    }
    const double start = now();
    for (uint64_t i = 0; i < count; ++i) {
      if (!ids.emplace(mixed_id(record_space, accounts_ + i), i).second) std::abort();
      totals.find(pairs[i].first)->second.debits += i;
      totals.find(pairs[i].second)->second.credits += i;
    }
    return static_cast<double>(count) / (now() - start);
  }

  /// Milliseconds for the digest when so many accounts have changed.
  double digest() {
    const double start = now();
    book_.digest();
    return (now() - start) * 1e3;
  }

 private:
  Stamp next() const { return {book_.next_offset(), book_.log_time() + Duration(1)}; }

  void apply(Kind kind, uint64_t space, const std::string& body) {
    std::string packed;
    encode_record(packed, {.id = mixed_id(space, number_++), .kind = kind, .body = body});
    Cursor cursor(packed);
    const Stamp stamp{book_.next_offset(), Time{static_cast<int64_t>(number_)}};
    const Verdict verdict = book_.apply(stamp, view_record(*take_record(cursor)), past_);
    if (verdict.code != Code::ok) std::abort();
  }

  Id some_account() { return mixed_id(account_space, random_() % accounts_); }

  std::string make_batch(uint64_t count) {
    std::string packed;
    Transact transact;
    transact.legs.resize(1);
    while (count-- > 0) {
      Leg& leg = transact.legs[0];
      leg.debit = some_account();
      do leg.credit = some_account();
      while (leg.credit == leg.debit);
      leg.amount = 1 + static_cast<Int128>(random_() % 10'000);
      encode_record(packed, {.id = mixed_id(record_space, number_++),
                             .kind = Kind::transact,
                             .body = encode(transact)});
    }
    return packed;
  }

  uint64_t accounts_;
  uint64_t number_ = 0;
  std::mt19937_64 random_{42};
  Book book_;
  Ids past_;
};

}  // namespace
}  // namespace ledger::book

int main(int argc, char** argv) {
  std::vector<uint64_t> sizes;
  for (int i = 1; i < argc; ++i) sizes.push_back(std::strtoull(argv[i], nullptr, 10));
  if (sizes.empty()) sizes = {10'000, 1'000'000, 10'000'000};
  for (const uint64_t accounts : sizes) {
    ledger::book::Bench bench(accounts);
    const double plain = bench.transactions(1 << 20, false);
    const double rate = bench.transactions(1 << 20, true);
    const double digest = bench.digest();
    const double probe = bench.probe(1 << 20);
    std::printf(
        "%8llu accounts: %.2f M transactions/s, without prefetch %.2f; probe %.2f; ratio %.2f; "
        "digest of all %.0f ms\n",
        static_cast<unsigned long long>(accounts), rate / 1e6, plain / 1e6, probe / 1e6,
        rate / probe, digest);
    std::fflush(stdout);
  }
  return 0;
}
