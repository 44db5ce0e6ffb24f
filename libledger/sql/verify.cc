#include "sql/verify.h"

#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <vector>

#include "book/book.h"
#include "book/memory_past.h"
#include "sql/cells.h"
#include "sql/projection.h"
#include "sql/session.h"
#include "sql/walk.h"

namespace ledger::sql {
namespace {

constexpr Duration source_wait{250'000'000};

/// The past of a fold: ids and verdicts in memory; the few records that are asked for again were
/// put there beforehand.
class FoldPast : public book::MemoryIndex {
 public:
  RecordView record(Offset offset) override { return view_record(records_.at(offset)); }
  bool has(Offset offset) const { return records_.contains(offset); }
  void keep(Offset offset, Bytes record) { records_.emplace(offset, record); }
  void forget() { records_.clear(); }

 private:
  absl::flat_hash_map<Offset, std::string> records_;
};

/// What an account's row needs that the book does not keep.
struct Opened {
  Id account;
  Time at;
  std::string meta;
};

class Verifier {
 public:
  Verifier(Target& target, history::Source& source, const Check& check, Watermark at)
      : target_(target), source_(source), check_(check), at_(std::move(at)), projection_(fold()) {}

  Result<Report> run();

 private:
  Projection fold();
  Comparison::Label label(TableName table) const;
  Result<Comparison> open(TableName table);
  Result<bool> fold_log();
  Result<void> recall(const book::Decided& decided);
  Result<void> take(const Step& step);
  Result<book::Verdict> decide(const Step& step);
  Result<void> compare_rows();
  Result<void> compare_state();
  Result<void> check_invariants() const;
  void tell(const Difference& difference);

  Target& target_;
  history::Source& source_;
  const Check& check_;
  Watermark at_;
  Projection projection_;
  book::Book book_;  ///< Decides anew; the projection's does what it says.
  FoldPast past_;
  std::vector<std::pair<TableName, Comparison>> by_offset_;
  std::vector<Opened> opened_;
  uint64_t touches_ = 0;  ///< Accounts that accepted transactions touched, summed over them.
  Report report_;
};

/// Rows as they should be, from offset 0 on. No amount is too large: the target has them.
Projection Verifier::fold() {
  Watermark start = at_;
  start.next_offset = Offset(0);
  start.last_id.reset();
  start.last_recorded.reset();
  start.amounts = Amounts::numeric;
  book::Book book;
  book.load_position(Offset(0), Time{INT64_MIN});
  return Projection(std::move(book), start);
}

void Verifier::tell(const Difference& difference) {
  if (++report_.differences <= differences_told_max) check_.differs(difference);
}

/// Accounts are shown by name, and amounts in the account's asset.
Comparison::Label Verifier::label(TableName table) const {
  const auto scale = [this](const std::string& asset) {
    const book::AssetRow* row = projection_.book().asset(asset);
    return row == nullptr ? 0u : row->scale;
  };
  switch (table) {
    case TableName::accounts:
      return [scale](const Cells& row) {
        return Labels{row[1].value_or(""), scale(row[2].value_or(""))};
      };
    case TableName::balances:
      return [this, scale](const Cells& row) {
        const std::string text = row[0].value_or("");
        const std::optional<Id> id = parse_id(text);
        const auto account = id ? projection_.book().account(*id) : std::nullopt;
        return account ? Labels{account->account.name, scale(account->account.asset)}
                       : Labels{text, 0};
      };
    case TableName::transfers:
      return [scale](const Cells& row) {
        return Labels{row[0].value_or("") + "/" + row[1].value_or(""), scale(row[4].value_or(""))};
      };
    default:
      return [](const Cells& row) { return Labels{row[0].value_or(""), 0}; };
  }
}

Result<Comparison> Verifier::open(TableName name) {
  return Comparison::open(
      target_, table(name), [this](const Difference& difference) { tell(difference); },
      label(name));
}

Result<Report> Verifier::run() {
  if (!check_.fast) {
    for (const TableName name : {TableName::transactions, TableName::transfers,
                                 TableName::rejections, TableName::records}) {
      by_offset_.emplace_back(name, TRY(open(name)));
    }
  }
  const bool whole = TRY(fold_log());
  report_.records = projection_.next_offset().value;
  report_.accounts = projection_.book().account_count();
  report_.stopped = !whole;
  if (!whole) return report_;
  for (auto& [name, comparison] : by_offset_) TRY(comparison.end());
  TRY(compare_state());
  TRY(check_invariants());
  return report_;
}

/// False if it was stopped.
Result<bool> Verifier::fold_log() {
  const Offset end = at_.next_offset;
  TRY(source_.seek(Offset(0), end, false));
  while (projection_.next_offset() < end) {
    if (check_.stop()) return false;
    std::optional<book::Decided> decided = TRY(source_.next(source_wait));
    if (!decided) {
      return fail(Code::unreachable,
                  "the source ended at " + std::to_string(projection_.next_offset().value) +
                      ", before " + std::to_string(end.value),
                  "run it again");
    }
    if (!check_.fast) TRY(recall(*decided));
    Walk walk(*std::move(decided));
    while (const std::optional<Step> step = TRY(walk.next())) TRY(take(*step));
    past_.forget();
    TRY(compare_rows());
    check_.progress({projection_.next_offset().value, end.value, projection_.next_offset(),
                     end - projection_.next_offset()});
  }
  return true;
}

/// Puts the first record of each id that `decided` repeats into the past. A right leader never
/// writes a second one, so there are few.
Result<void> Verifier::recall(const book::Decided& decided) {
  absl::flat_hash_map<Id, std::pair<Offset, Bytes>> here;
  std::vector<Offset> wanted;
  Cursor cursor(decided.records);
  for (Offset at = decided.first; !cursor.empty(); ++at) {
    const std::optional<Bytes> record = take_record(cursor);
    if (!record) break;  // Walk will say so.
    const RecordView view = view_record(*record);
    if (!view.readable) continue;
    if (const std::optional<Offset> first = past_.find(view.id)) {
      wanted.push_back(*first);
    } else if (const auto [known, added] = here.emplace(view.id, std::pair(at, *record)); !added) {
      past_.keep(known->second.first, known->second.second);
    }
  }
  if (wanted.empty()) return {};
  for (const Offset offset : wanted) {
    if (past_.has(offset)) continue;
    TRY(source_.seek(offset, offset + 1, false));
    const std::optional<book::Decided> one = TRY(source_.next(source_wait));
    Cursor only(one ? Bytes(one->records) : Bytes());
    const std::optional<Bytes> record = take_record(only);
    if (!record || one->first != offset) {
      return fail(Code::corrupt_segment,
                  "the source did not give offset " + std::to_string(offset.value) + " again",
                  "verify its segments");
    }
    past_.keep(offset, *record);
  }
  return source_.seek(decided.next(), at_.next_offset, false);
}

Result<void> Verifier::take(const Step& given) {
  Step step = given;
  book::Verdict verdict;
  if (!check_.fast) {
    verdict = TRY(decide(given));
    step.code = verdict.code;
    step.duplicate = verdict.duplicate;
    step.detail = &verdict.detail;
  }
  TRY(projection_.add(step));
  if (step.duplicate || step.code != book::Code::ok) return {};
  if (step.record.kind == uint8_t(Kind::account)) {
    const std::optional<book::Account> account = book::decode_account(step.record.body);
    opened_.push_back(
        {account.value().account, step.stamp.recorded, std::string(step.record.meta)});
  }
  if (step.record.kind == uint8_t(Kind::transact)) {
    const std::optional<book::Transact> transact = book::decode_transact(step.record.body);
    std::vector<Id> touched;
    for (const book::Leg& leg : transact.value().legs) {
      touched.insert(touched.end(), {leg.debit, leg.credit});
    }
    std::ranges::sort(touched);
    touches_ += touched.size() - std::ranges::unique(touched).size();
  }
  return {};
}

Result<book::Verdict> Verifier::decide(const Step& step) {
  TRY(book_.follows(step.stamp));
  book::Verdict verdict = book_.apply(step.stamp, step.record, past_);
  past_.add(verdict);
  const bool same = verdict.duplicate == step.duplicate &&
                    (verdict.duplicate || verdict.code == step.code) &&
                    (step.detail == nullptr || verdict.detail == *step.detail);
  if (!same) {
    const auto shown = [](bool duplicate, book::Code code) {
      return duplicate ? "a duplicate" : std::string(book::name(code));
    };
    return fail(Code::state_diverged,
                "offset " + std::to_string(step.stamp.offset.value) + ": the source says " +
                    shown(step.duplicate, step.code) + ", the rules say " +
                    shown(verdict.duplicate, verdict.code),
                "verify against another node or its data directory");
  }
  return verdict;
}

Result<void> Verifier::compare_rows() {
  const Batch& batch = projection_.finish();
  for (auto& [name, comparison] : by_offset_) {
    const Rows& rows = batch.of(name);
    for (size_t i = 0; i < rows.count(); ++i) TRY(comparison.expect(rows.row(i)));
  }
  projection_.begin_next();
  return {};
}

/// Assets, accounts, balances and the digest, at the watermark.
Result<void> Verifier::compare_state() {
  const book::Book& book = projection_.book();
  Comparison assets = TRY(open(TableName::assets));
  for (const book::AssetRow& asset : book.assets()) {
    const Value row[] = {std::string_view(asset.code), int64_t{asset.scale},
                         static_cast<int64_t>(asset.offset.value)};
    TRY(assets.expect(row));
  }
  TRY(assets.end());

  Comparison accounts = TRY(open(TableName::accounts));
  Comparison balances = TRY(open(TableName::balances));
  std::ranges::sort(opened_, {}, &Opened::account);
  const auto limit = [](const std::optional<Int128>& value) {
    return value ? Value(*value) : Value();
  };
  for (const Opened& opened : opened_) {
    const book::AccountRow account = book.account(opened.account).value();
    const Value row[] = {opened.account,
                         std::string_view(account.account.name),
                         std::string_view(account.account.asset),
                         book::name(account.account.kind),
                         limit(account.account.floor),
                         limit(account.account.ceiling),
                         int64_t{account.closed},
                         opened.at.ns,
                         static_cast<int64_t>(account.opened.value),
                         opened.meta.empty() ? "{}" : std::string_view(opened.meta)};
    TRY(accounts.expect(row));
    TRY(balances.expect(balance_row(account)));
  }
  TRY(accounts.end());
  TRY(balances.end());

  const book::Digest digest = book.digest();
  if (digest != at_.state_digest) {
    const auto text = [](const book::Digest& bytes) {
      return hex({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    };
    tell({"replay", at_.name, "state_digest", text(digest), text(at_.state_digest)});
  }
  return {};
}

/// What must hold of every book; the target has no part in it.
Result<void> Verifier::check_invariants() const {
  const auto broken = [](std::string what) {
    return fail(Code::internal, "an invariant of the ledger is broken: " + std::move(what),
                "report it with this version, and keep the log");
  };
  // Sums of one asset may pass 2^128: compared modulo that.
  absl::flat_hash_map<std::string, Uint128> surplus;
  uint64_t versions = 0;
  projection_.book().each_account("", [&](const book::AccountRow& account) {
    surplus[account.account.asset] += account.debits_posted - account.credits_posted;
    versions += account.version;
  });
  for (const auto& [asset, difference] : surplus) {
    if (difference != 0) return broken("debits and credits of " + asset + " differ");
  }
  if (versions != touches_) return broken("versions do not add up to what was touched");
  if (check_.fast) return {};
  if (book_.digest() != projection_.book().digest()) {
    return broken("deciding anew and following the verdicts give different states");
  }
  return {};
}

}  // namespace

Result<Report> verify(Target& target, history::Source& source, const Check& check) {
  TRY(target.begin(Target::Access::read));
  const std::optional<Watermark> found = TRY(target.look());
  if (!found) {
    return fail(Code::no_such_replay, "there is no replay in " + target.display(),
                "`replay run` makes one");
  }
  const Offset end = TRY(source.end());
  TRY(check_watermark(target, *found, check.name, source, end));
  Result<Report> report = Verifier(target, source, check, *found).run();
  target.rollback();
  return report;
}

}  // namespace ledger::sql
