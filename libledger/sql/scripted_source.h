// For tests: a log in memory, decided as it grows.
#pragma once

#include <functional>
#include <random>
#include <string>
#include <vector>

#include "base/record.h"
#include "book/book.h"
#include "book/examples.h"
#include "book/memory_past.h"
#include "history/source.h"

namespace ledger::sql {

/// A source whose records are written by the test. Entries hold one record each.
class ScriptedSource : public history::Source {
 public:
  explicit ScriptedSource(Id cluster = *parse_id("3f2a0000-0000-4000-8000-000000000001"))
      : cluster_(cluster) {}

  /// Decides a record, given without its size, a second after the last one.
  void add(std::string record) {
    const Stamp stamp{end_offset(), book::examples::recorded(records_.size())};
    const RecordView view = view_record(record);
    const book::Verdict verdict = book_.apply(stamp, view, past_);
    past_.add(view, verdict);
    verdicts_.push_back(verdict);
    records_.push_back(std::move(record));
  }
  void add(const book::examples::Maker& maker) { add(maker.bytes()); }

  Offset end_offset() const { return Offset(records_.size()); }
  const book::Book& book() const { return book_; }
  /// How many records each batch has.
  size_t batch_records = 1000;
  /// Called when a follower has come to the end; it may add records.
  std::function<void()> at_end = [] {};
  /// What the next calls of `next` fail with, the last first.
  std::vector<Error> failures = {};
  /// Offsets that were sought or read.
  std::vector<Offset> sought = {};

  const Id& cluster() const override { return cluster_; }
  Result<Offset> end() override { return end_offset(); }
  Result<Offset> find(Time time) override {
    size_t i = 0;
    while (i < records_.size() && book::examples::recorded(i) < time) ++i;
    return Offset(i);
  }
  Result<std::pair<Id, Time>> identify(Offset offset) override {
    sought.push_back(offset);
    return std::pair(view_record(records_.at(offset.value)).id,
                     book::examples::recorded(offset.value));
  }
  Result<void> seek(Offset from, Offset to, bool follow) override {
    sought.push_back(from);
    next_ = from.value;
    to_ = to.value;
    follow_ = follow;
    return {};
  }
  Result<std::optional<book::Decided>> next(Duration) override {
    if (!failures.empty()) {
      Error error = std::move(failures.back());
      failures.pop_back();
      return tl::unexpected(std::move(error));
    }
    if (next_ >= to_) return std::nullopt;
    if (next_ == records_.size()) {
      if (!follow_) return std::nullopt;
      at_end();
    }
    book::Decided out;
    out.first = Offset(next_);
    out.as_of = end_offset();
    const size_t end = std::min({next_ + batch_records, records_.size(), to_});
    for (; next_ < end; ++next_) append(out, next_);
    return out;
  }

 private:
  void append(book::Decided& out, size_t i) const {
    put_varint(out.records, records_[i].size());
    out.records += records_[i];
    out.runs.push_back({1, book::examples::recorded(i), Term(1), 1});
    const book::Verdict& verdict = verdicts_[i];
    if (verdict.duplicate) {
      out.verdicts += static_cast<char>(book::duplicate_mark);
      return;
    }
    out.verdicts += static_cast<char>(verdict.code);
    if (verdict.code != book::Code::ok) out.details.push_back(verdict.detail);
  }

  Id cluster_;
  book::Book book_;
  book::MemoryPast past_;
  std::vector<std::string> records_;
  std::vector<book::Verdict> verdicts_;
  size_t next_ = 0;
  size_t to_ = 0;
  bool follow_ = false;
};

/// The worked examples, with all their verdicts.
inline ScriptedSource examples_source() {
  ScriptedSource source;
  for (const book::examples::Example& example : book::examples::log()) source.add(example.record);
  return source;
}

/// A log of `count` records from `seed`: accounts, then mostly transfers of one to three legs among
/// them, some refused, some repeated, some raw.
inline ScriptedSource random_source(uint64_t seed, size_t count, size_t accounts = 50) {
  using namespace book::examples;
  ScriptedSource source;
  std::mt19937_64 random(seed);
  const auto draw = [&random](uint64_t below) { return random() % below; };
  const auto numbered = [&](uint64_t kind, uint64_t number) {
    std::array<uint8_t, 10> tail{};
    for (size_t i = 0; i < 8; ++i) tail[i + 2] = static_cast<uint8_t>(number >> (56 - 8 * i));
    tail[1] = static_cast<uint8_t>(kind);
    return make_id(recorded(number), tail);
  };
  source.add(asset(numbered(0, 0), "USD", 2));
  source.add(asset(numbered(0, 1), "JPY", 0));
  for (size_t i = 0; i < accounts; ++i) {
    const bool yen = i % 10 == 9;
    const bool limited = i % 3 == 0;
    source.add(account(numbered(1, i),
                       {numbered(2, i), "liabilities:a" + std::to_string(i), yen ? "JPY" : "USD",
                        book::AccountKind::liability,
                        limited ? std::optional<Int128>(-10'000) : std::nullopt, std::nullopt}));
  }
  std::string before;
  while (source.end_offset().value < count) {
    const uint64_t number = source.end_offset().value;
    const uint64_t what = draw(100);
    if (what < 3 && !before.empty()) {
      source.add(before);
    } else if (what < 6) {
      source.add(raw(numbered(3, number), "raw " + std::to_string(number)));
    } else {
      book::Transact transact;
      for (uint64_t legs = 1 + draw(3); legs > 0; --legs) {
        const uint64_t debit = draw(accounts);
        const uint64_t credit = (debit + 1 + draw(accounts - 1)) % accounts;
        transact.legs.push_back(
            {numbered(2, debit), numbered(2, credit), Int128(1 + draw(what < 50 ? 500 : 50'000))});
      }
      if (what > 80) transact.memo = "it's \"memo\" " + std::to_string(number);
      if (what > 90) transact.effective = recorded(draw(1000));
      Maker maker = book::examples::transact(numbered(4, number), transact);
      if (what > 95) maker.with_meta(R"({"b":[1,2.50],"a":"ü"})");
      before = maker.bytes();
      source.add(before);
    }
  }
  return source;
}

}  // namespace ledger::sql
