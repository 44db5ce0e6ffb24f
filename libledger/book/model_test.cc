// Drives the book with random logs and prints them with what it decided, for reference.py to decide
// again. Holds the invariants of the book after every record.
//
//   model_test COUNT [SEED]
//
//   book                                                            a new book begins
//   record RECORDED =HEX VERDICT DUPLICATE FIRST DETAIL ID:POSTED:VERSION…
//   digest HEX                                                      as of the last record
//
// A log's inputs come from distributions of its own, wide or narrow: how many accounts, how large
// the amounts, how often ids, guards, conditions and broken bytes come.

#include <cassert>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>
#include <set>

#include "base/time.h"
#include "book/book.h"
#include "book/detail_text.h"
#include "book/memory_past.h"

namespace ledger::book {
namespace {

/// Chance, and what is made of it.
class Chance {
 public:
  explicit Chance(uint64_t seed) : random_(seed) {}

  uint64_t bits() { return random_(); }
  uint64_t below(uint64_t end) { return random_() % end; }
  bool percent(uint64_t chance) { return below(100) < chance; }

  template <class T>
  const T& of(const std::vector<T>& list) {
    return list[below(list.size())];
  }

  Id id() {
    Id id;
    store(reinterpret_cast<char*>(id.bytes.data()), random_());
    store(reinterpret_cast<char*>(id.bytes.data()) + 8, random_());
    return id;
  }

  /// From 1 to 2^127 - 1, every size as likely.
  Int128 amount() {
    const Uint128 wide = Uint128{random_()} << 64 | random_();
    return static_cast<Int128>(wide >> (1 + below(127))) | 1;
  }

 private:
  std::mt19937_64 random_;
};

/// The distributions of one log.
struct Habits {
  uint64_t accounts_max;
  uint64_t legs_max;
  uint64_t amount_max;   ///< 0: of every size.
  uint64_t limited;      ///< Percent of accounts with a floor, and with a ceiling.
  uint64_t repeated;     ///< Percent of records that take an id again.
  uint64_t guarded;      ///< Percent with expect_offset, and with valid_until.
  uint64_t conditioned;  ///< Percent of transactions with conditions.
  uint64_t broken;       ///< Percent of records with broken bytes.
  uint64_t strange;      ///< Percent of fields of a command that are not as they should be.

  static Habits drawn(Chance& chance) {
    const bool narrow = chance.percent(60);
    return {.accounts_max = narrow ? 2 + chance.below(5) : 10 + chance.below(150),
            .legs_max = chance.percent(70) ? 3u : 66u,
            .amount_max = chance.percent(85) ? 1 + chance.below(1000) : 0,
            .limited = chance.below(80),
            .repeated = chance.below(30),
            .guarded = chance.below(20),
            .conditioned = chance.below(40),
            .broken = chance.below(10),
            .strange = chance.below(6)};
  }
};

/// Makes the records of one log, looking at the book for amounts near its limits.
class Author {
 public:
  Author(Chance& chance, const Book& book)
      : chance_(chance), book_(book), habits_(Habits::drawn(chance)) {}

  /// The next record, without its size.
  std::string next(Time recorded) {
    std::string record;
    if (!records_.empty() && chance_.percent(habits_.repeated)) {
      record = again(chance_.of(records_));
    } else {
      record = fresh(recorded);
    }
    if (chance_.percent(habits_.broken)) record = broken(std::move(record));
    records_.push_back(record);
    return record;
  }

 private:
  bool strange() { return chance_.percent(habits_.strange); }

  std::string packed(Id id, Kind kind, Bytes body, Time recorded) {
    RecordFields fields{.id = id, .kind = kind, .body = body};
    const Offset next = book_.next_offset();
    if (chance_.percent(habits_.guarded)) {
      fields.expect_offset = chance_.percent(70) ? next : next + chance_.below(3) - 1;
    }
    if (chance_.percent(habits_.guarded)) {
      fields.valid_until = recorded + Duration(static_cast<int64_t>(chance_.below(5)) - 2);
      if (strange()) fields.valid_until = Time{static_cast<int64_t>(chance_.bits())};
    }
    const std::string meta = chance_.percent(10) ? metadata() : "";
    fields.meta = meta;
    std::string out;
    encode_record(out, fields);
    Cursor cursor(out);
    return std::string(*take_record(cursor));
  }

  std::string metadata() {
    if (strange()) return "{\"pad\":\"" + std::string(chance_.below(5000), 'x') + "\"}";
    std::string text = "{\"n\":" + std::to_string(chance_.below(1000)) + "}";
    if (!strange()) return text;
    static const std::vector<std::string> pieces = {"\\u0000",
                                                    "\\ud800",
                                                    "\\ud83d\\ude00",
                                                    "\"",
                                                    "\\",
                                                    ",",
                                                    ":",
                                                    "[",
                                                    "]",
                                                    "{\"a\":1}",
                                                    "{",
                                                    "}",
                                                    "1e5",
                                                    "1e1234",
                                                    "-0",
                                                    "01",
                                                    "\"n\":1",
                                                    "\"\\u006e\":2",
                                                    " ",
                                                    "\t",
                                                    "true",
                                                    "null",
                                                    "\xff",
                                                    "é",
                                                    "123456789012345678901234567890123",
                                                    "[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]",
                                                    "[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]"};
    for (uint64_t edits = 1 + chance_.below(3); edits > 0; --edits) {
      const size_t at = chance_.below(text.size());
      text.replace(at, chance_.below(3), chance_.of(pieces));
    }
    return text.size() < 2 ? "{}" : text;
  }

  std::string fresh(Time recorded) {
    const Id id = strange() ? Id() : chance_.id();
    const uint64_t accounts = book_.account_count();
    if (book_.assets().empty() || chance_.percent(1)) {
      return packed(id, Kind::asset, encode(some_asset()), recorded);
    }
    if (accounts < 2 || (accounts < habits_.accounts_max && chance_.percent(20)) || strange()) {
      return packed(id, Kind::account, encode(some_account(id)), recorded);
    }
    if (chance_.percent(3)) {
      std::string body(chance_.below(20), 'r');
      if (strange() && strange()) body.resize(1'000'001);
      return packed(id, Kind::raw, body, recorded);
    }
    return packed(id, Kind::transact, encode(transaction()), recorded);
  }

  Asset some_asset() {
    static const std::vector<std::string> codes = {"USD", "JPY", "EUR", "A1", "LONGESTCODE12345"};
    static const std::vector<std::string> wrong = {"usd", "", "U D", "TOOLONGCODE123456"};
    return {strange() ? chance_.of(wrong) : chance_.of(codes),
            static_cast<uint32_t>(chance_.below(strange() ? 30 : 3))};
  }

  Account some_account(const Id& id) {
    static const std::vector<std::string> firsts = {"assets", "liabilities", "equity", "income",
                                                    "expenses"};
    static const std::vector<std::string> wrong = {"Assets:x", "wallets:x", "assets::x", "",
                                                   "a:b:c:d:e:f:g:h:i"};
    Account account;
    account.account = strange() ? some_id() : id;
    // Half of the time among few names, so that names are taken.
    const uint64_t number = chance_.below(chance_.percent(50) ? 10 : 1'000'000);
    account.name = chance_.of(firsts) + ":a" + std::to_string(number);
    account.kind = *kind_of_name(account.name);
    if (strange()) account.kind = static_cast<AccountKind>(1 + chance_.below(5));
    if (strange()) account.name = chance_.of(wrong);
    const std::vector<AssetRow> assets = book_.assets();
    account.asset = strange() ? "XXX" : chance_.of(assets).code;
    if (chance_.percent(habits_.limited)) account.floor = limit(-1);
    if (chance_.percent(habits_.limited)) account.ceiling = limit(1);
    return account;
  }

  Int128 limit(int sign) {
    if (chance_.percent(50)) return 0;
    if (strange()) return int128_max * sign;
    return static_cast<Int128>(amount()) * (chance_.percent(85) ? sign : -sign);
  }

  Int128 amount() {
    if (strange()) return int128_max - static_cast<Int128>(chance_.below(3));
    if (strange()) return -static_cast<Int128>(chance_.below(3));
    if (habits_.amount_max == 0) return chance_.amount();
    return 1 + static_cast<Int128>(chance_.below(habits_.amount_max));
  }

  /// Of an account that was opened, most of the time.
  Id some_id() {
    if (strange()) return chance_.percent(10) ? Id() : chance_.id();
    return opened_.empty() ? chance_.id() : chance_.of(opened_);
  }

  Transact transaction() {
    learn_accounts();
    Transact transact;
    const uint64_t legs = chance_.percent(60) ? 1 : chance_.below(habits_.legs_max) + !strange();
    for (uint64_t i = 0; i < legs; ++i) transact.legs.push_back(leg());
    if (chance_.percent(habits_.conditioned)) {
      const uint64_t count = strange() ? chance_.below(19) : 1 + chance_.below(2);
      for (uint64_t i = 0; i < count; ++i) transact.conditions.push_back(condition());
    }
    if (chance_.percent(20)) transact.effective = Time{static_cast<int64_t>(chance_.bits())};
    if (chance_.percent(20)) transact.memo = "memo é";
    if (strange()) transact.memo = std::string(chance_.below(300), 'm') + "\n";
    if (strange()) transact.memo.resize(chance_.below(300), 'm');
    return transact;
  }

  Leg leg() {
    Leg leg{some_id(), some_id(), amount()};
    for (int tries = 0; tries < 20 && !strange() && !pair(leg); ++tries) leg.credit = some_id();
    const std::optional<AccountRow> row =
        book_.account(chance_.percent(50) ? leg.debit : leg.credit);
    if (!row || chance_.percent(60)) return leg;
    // As much as just is possible, or one more or less: to the limit, or to the end of a total.
    const bool lower = (leg.debit == row->account.account) != (sign(row->account.kind) > 0);
    const std::optional<Int128>& bound = lower ? row->account.floor : row->account.ceiling;
    const Uint128 total =
        leg.debit == row->account.account ? row->debits_posted : row->credits_posted;
    Int128 room = int128_max - static_cast<Int128>(total);
    const Int128 posted = row->posted();
    // Far limits are left alone: the distance would not fit.
    const auto near = [](Int128 value) { return value < int128_max / 4 && value > int128_min / 4; };
    if (bound && near(*bound) && near(posted)) room = lower ? posted - *bound : *bound - posted;
    if (room > int128_max / 4 && !chance_.percent(3)) return leg;
    room += static_cast<Int128>(chance_.below(3)) - (room > 0 ? 1 : 0);
    if (room > 0) leg.amount = room;
    return leg;
  }

  /// Whether a leg's accounts are two, of one asset.
  bool pair(const Leg& leg) const {
    if (leg.debit == leg.credit) return false;
    const std::optional<AccountRow> debit = book_.account(leg.debit);
    const std::optional<AccountRow> credit = book_.account(leg.credit);
    return !debit || !credit || debit->account.asset == credit->account.asset;
  }

  Condition condition() {
    Condition condition{some_id(), static_cast<Condition::What>(1 + chance_.below(3)),
                        static_cast<Condition::Op>(1 + chance_.below(3)), 0};
    const std::optional<AccountRow> row = book_.account(condition.account);
    if (!row) return condition;
    condition.value = condition.what == Condition::What::version ? static_cast<Int128>(row->version)
                                                                 : row->posted();
    if (chance_.percent(20) && condition.value < int128_max) condition.value += 1;
    if (chance_.percent(20) && condition.value > int128_min) condition.value -= 1;
    return condition;
  }

  void learn_accounts() {
    if (opened_.size() == book_.account_count()) return;
    opened_.clear();
    book_.each_account("",
                       [this](const AccountRow& row) { opened_.push_back(row.account.account); });
  }

  /// An earlier record as it was, or with something else in it.
  std::string again(const std::string& record) {
    const RecordView view = view_record(record);
    if (!view.whole || chance_.percent(40)) return record;
    RecordFields fields{.id = view.id,
                        .kind = static_cast<Kind>(view.kind),
                        .expect_offset = view.expect_offset,
                        .valid_until = view.valid_until,
                        .body = view.body,
                        .meta = view.meta};
    std::string body;
    switch (chance_.below(5)) {
      case 0:
        fields.valid_until = Time{static_cast<int64_t>(chance_.bits())};
        break;
      case 1:
        fields.meta = fields.meta.empty() ? "{\"m\":1}" : "";
        break;
      case 2:
        fields.kind = static_cast<Kind>(chance_.below(5));
        break;
      default:
        body = changed(view);
        fields.body = body;
    }
    std::string out;
    encode_record(out, fields);
    Cursor cursor(out);
    return std::string(*take_record(cursor));
  }

  std::string changed(const RecordView& view) {
    std::optional<Transact> transact =
        static_cast<Kind>(view.kind) == Kind::transact ? decode_transact(view.body) : std::nullopt;
    if (!transact || transact->legs.empty()) return std::string(view.body) + "x";
    Leg& leg = transact->legs[chance_.below(transact->legs.size())];
    switch (chance_.below(7)) {
      case 0:
        leg.amount = chance_.amount();
        break;
      case 1:
        std::swap(leg.debit, leg.credit);
        break;
      case 2:
        transact->memo += "!";
        break;
      case 3:
        transact->legs.push_back(Leg(leg));
        break;
      case 4:
        transact->effective = Time{1};
        break;
      case 5:
        transact->conditions.push_back(condition());
        break;
      default:
        leg.credit = chance_.id();
    }
    return encode(*transact);
  }

  std::string broken(std::string record) {
    const size_t at = record.empty() ? 0 : chance_.below(record.size());
    switch (chance_.below(6)) {
      case 0:
        record.resize(at);
        break;
      case 1:
        record.insert(at, 1, static_cast<char>(chance_.bits()));
        break;
      case 2:
        record.erase(at, 1);
        break;
      case 3:
        if (record.size() > 17) record[16] = static_cast<char>(chance_.below(14));
        break;
      case 4:
        if (record.size() > 17) record[17] = static_cast<char>(chance_.below(16));
        break;
      default:
        if (!record.empty()) record[at] = static_cast<char>(chance_.bits());
    }
    return record;
  }

  Chance& chance_;
  const Book& book_;
  Habits habits_;
  std::vector<std::string> records_;
  std::vector<Id> opened_;
};

/// What must hold after every record, whatever was decided.
class Invariants {
 public:
  /// After `verdict` about `record`, with the accounts that the book says it touched.
  void hold(const Book& book, const RecordView& record, const Verdict& verdict,
            std::span<const Id> touched, const MemoryPast& past) {
    const bool accepted = verdict.code == Code::ok && !verdict.duplicate;
    const bool transaction = accepted && static_cast<Kind>(record.kind) == Kind::transact;
    ++offsets_;
    if (verdict.duplicate || verdict.code == Code::id_conflict || !record.readable) ++without_id_;
    assert(past.id_count() == offsets_ - without_id_);
    assert(book.next_offset() == Offset(offsets_));

    // Whoever is refused or repeats changes nothing.
    const Digest digest = book.digest();
    if (!accepted) assert(digest == digest_);
    digest_ = digest;
    assert(transaction || touched.empty());

    for (const Id& id : touched) {
      const AccountRow after = book.account(id).value();
      const AccountRow& before = rows_.at(id);
      assert(after.version == before.version + 1);
      assert(after.last_offset == Offset(offsets_ - 1));
      if (within_limits(before)) assert(within_limits(after));
      // Added modulo 2^128, in which the sums must be equal too.
      auto& [debits, credits] = sums_[after.account.asset];
      debits += after.debits_posted - before.debits_posted;
      credits += after.credits_posted - before.credits_posted;
      rows_.insert_or_assign(id, after);
    }
    for (const auto& [asset, sums] : sums_) assert(sums.first == sums.second);
    if (transaction) {
      std::set<Id> distinct;
      const std::optional<Transact> transact = decode_transact(record.body);
      for (const Leg& leg : transact->legs) {
        distinct.insert(leg.debit);
        distinct.insert(leg.credit);
      }
      assert(touched.size() == distinct.size());
    }
    if (accepted && static_cast<Kind>(record.kind) == Kind::account) {
      const Id id = decode_account(record.body)->account;
      rows_.emplace(id, book.account(id).value());
    }
  }

  /// Rows that nobody said were changed were not.
  void hold_rows(const Book& book) const {
    size_t count = 0;
    book.each_account("", [&](const AccountRow& row) {
      const AccountRow& known = rows_.at(row.account.account);
      assert(row.account == known.account && row.debits_posted == known.debits_posted &&
             row.credits_posted == known.credits_posted && row.version == known.version);
      ++count;
    });
    assert(count == rows_.size());
  }

 private:
  static bool within_limits(const AccountRow& row) {
    return (!row.account.floor || row.available() >= *row.account.floor) &&
           (!row.account.ceiling || row.posted() + row.incoming() <= *row.account.ceiling);
  }

  uint64_t offsets_ = 0;
  uint64_t without_id_ = 0;
  Digest digest_{};
  std::map<Id, AccountRow> rows_;
  std::map<std::string, std::pair<Uint128, Uint128>> sums_;
};

/// The same book as a restart would build it: from its rows.
Book reloaded(const Book& book) {
  Book loaded;
  for (const AssetRow& row : book.assets()) {
    const bool good = loaded.load(row).has_value();
    assert(good);
  }
  book.each_account("", [&loaded](const AccountRow& row) {
    const bool good = loaded.load(row).has_value();
    assert(good);
  });
  loaded.load_position(book.next_offset(), book.log_time());
  loaded.track_touched();
  return loaded;
}

std::string hex(Bytes bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  out.reserve(2 * bytes.size());
  for (const char c : bytes) {
    out += digits[static_cast<uint8_t>(c) >> 4];
    out += digits[static_cast<uint8_t>(c) & 15];
  }
  return out;
}

void print_digest(const Book& book) {
  const Digest digest = book.digest();
  const std::string text = hex({reinterpret_cast<const char*>(digest.data()), digest.size()});
  std::printf("digest %s\n", text.c_str());
}

void print(const Stamp& stamp, const Decision& decision, const std::string& record,
           const DetailStyle& style) {
  const Verdict& verdict = decision.verdict;
  std::printf("record %lld =%s %s %d %llu %s", static_cast<long long>(stamp.recorded.ns),
              hex(record).c_str(), std::string(name(verdict.code)).c_str(), verdict.duplicate,
              static_cast<unsigned long long>(verdict.first.value),
              detail_json(verdict.code, verdict.detail, style).c_str());
  for (const Balance& balance : decision.balances) {
    std::printf(" %s:%s:%llu", hex(balance.account.view()).c_str(),
                format_integer(balance.posted).c_str(),
                static_cast<unsigned long long>(balance.version));
  }
  std::printf("\n");
}

/// One log from its first record on; it is folded with `redo` beside.
void run_log(Chance& chance, uint64_t count) {
  std::printf("book\n");
  Book book;
  Book redone;
  book.track_touched();
  MemoryPast past;
  Invariants invariants;
  Author author(chance, book);
  Time recorded = *parse_time("2026-01-01");
  for (uint64_t i = 0; i < count; ++i) {
    recorded = recorded + Duration(1 + static_cast<int64_t>(chance.below(3)));
    const std::string bytes = author.next(recorded);
    const RecordView record = view_record(bytes);
    const Stamp stamp{book.next_offset(), recorded};
    book.clear_touched();
    const Verdict verdict = book.apply(stamp, record, past);
    past.add(record, verdict);
    const Stamp first{verdict.first, recorded};
    print(stamp, decide(book, first, record, verdict), bytes, style_of(book));

    invariants.hold(book, record, verdict, book.touched(), past);
    const bool redoable = redone.redo(stamp, record, verdict.code, verdict.duplicate).has_value();
    assert(redoable);
    if (chance.below(100) > 0 && i + 1 < count) continue;
    print_digest(book);
    assert(redone.digest() == book.digest());
    invariants.hold_rows(book);
    Book again = reloaded(book);
    assert(again.digest() == book.digest());
    book = std::move(again);
  }
}

}  // namespace
}  // namespace ledger::book

int main(int argc, char** argv) {
  const uint64_t count = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1000;
  const uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1;
  ledger::book::Chance chance(seed);
  for (uint64_t done = 0; done < count;) {
    const uint64_t part = std::min(count - done, 1 + chance.below(4000));
    ledger::book::run_log(chance, part);
    done += part;
  }
  return 0;
}
