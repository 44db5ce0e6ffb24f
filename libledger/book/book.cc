#include "book/book.h"

#include <algorithm>
#include <cassert>

#include "book/state.h"
#include "book/text.h"

namespace ledger::book {
namespace {

std::string at(Offset offset) {
  return "record at offset " + std::to_string(offset.value);
}

Result<void> bad_row(std::string what) {
  return fail(ledger::Code::invalid_message, std::move(what));
}

/// The accounts of the first leg, if `body` is a transaction with one: a guess, not a check.
std::optional<Leg> peek_leg(Bytes body) {
  constexpr Bytes before_debit = "\x0a\x10";
  constexpr Bytes before_credit = "\x12\x10";
  if (body.size() < 38 || body.substr(2, 2) != before_debit ||
      body.substr(20, 2) != before_credit) {
    return std::nullopt;
  }
  return Leg{Id::load(body.data() + 4), Id::load(body.data() + 22), 0};
}

bool is_total(Uint128 total) {
  return total <= static_cast<Uint128>(int128_max);
}

}  // namespace

Int128 AccountRow::posted() const {
  return sign(account.kind) *
         (static_cast<Int128>(debits_posted) - static_cast<Int128>(credits_posted));
}

Int128 AccountRow::available() const {
  return posted() - outgoing();
}

Int128 AccountRow::incoming() const {
  return static_cast<Int128>(sign(account.kind) > 0 ? debits_pending : credits_pending);
}

Int128 AccountRow::outgoing() const {
  return static_cast<Int128>(sign(account.kind) > 0 ? credits_pending : debits_pending);
}

Book::Book() : state_(std::make_unique<BookState>()) {}
Book::~Book() = default;
Book::Book(Book&&) noexcept = default;
Book& Book::operator=(Book&&) noexcept = default;

Result<void> Book::follows(const Stamp& stamp) const {
  if (stamp.rules > rules_newest || stamp.rules == 0) {
    return fail(ledger::Code::rules_too_new,
                at(stamp.offset) + " is under rules version " + std::to_string(stamp.rules) +
                    ", this build knows up to " + std::to_string(rules_newest),
                "upgrade");
  }
  if (stamp.offset != state_->next_offset) {
    return fail(ledger::Code::corrupt_segment, at(stamp.offset) + " comes where offset " +
                                                   std::to_string(state_->next_offset.value) +
                                                   " should");
  }
  if (stamp.recorded <= state_->log_time) {
    return fail(ledger::Code::corrupt_segment, at(stamp.offset) + " was recorded at " +
                                                   std::to_string(stamp.recorded.ns) +
                                                   " ns, which is not after the one before it");
  }
  return {};
}

Verdict Book::apply(const Stamp& stamp, const RecordView& record, Past& past) {
  assert(follows(stamp));
  state_->next_offset = stamp.offset + 1;
  state_->log_time = stamp.recorded;
  if (!record.readable) {
    return refusal(stamp, Code::malformed,
                   {.error = std::string(name(ledger::Code::invalid_message))});
  }
  if (const std::optional<Offset> first = past.find(record.id)) {
    if (std::optional<std::string> field = difference(past.record(*first), record)) {
      return Verdict{.code = Code::id_conflict,
                     .first = *first,
                     .detail = {.first_offset = *first, .field = std::move(field)}};
    }
    Verdict verdict = past.verdict(*first);
    assert(verdict.first == *first && !verdict.duplicate);
    verdict.duplicate = true;
    return verdict;
  }
  Verdict verdict = state_->decide(stamp, record);
  past.insert(record.id, stamp.offset);
  return verdict;
}

void Book::prefetch(std::span<const RecordView> records, Past& past) const {
  std::array<Id, 4 * prefetch_records> ids;
  size_t count = 0;
  for (const RecordView& record : records) {
    if (record.readable && count < ids.size()) ids[count++] = record.id;
  }
  past.prefetch({ids.data(), count});

  // First the slots of the accounts, then, through them, the rows.
  count = 0;
  for (const RecordView& record : records) {
    if (static_cast<Kind>(record.kind) != Kind::transact || count + 2 > ids.size()) continue;
    const std::optional<Leg> leg = peek_leg(record.body);
    if (!leg) continue;
    ids[count++] = leg->debit;
    ids[count++] = leg->credit;
  }
  for (size_t i = 0; i < count; ++i) state_->account_of.prefetch(ids[i]);
  for (size_t i = 0; i < count; ++i) {
    const std::optional<AccountIndex> account = state_->find(ids[i]);
    if (account) state_->rows.prefetch(*account);
  }
}

Result<void> Book::redo(const Stamp& stamp, const RecordView& record, Code code, bool duplicate) {
  TRY(follows(stamp));
  state_->next_offset = stamp.offset + 1;
  state_->log_time = stamp.recorded;
  if (code != Code::ok || duplicate) return {};
  bool done = !check(record, stamp.rules, state_->body);
  if (done) {
    switch (static_cast<Kind>(record.kind)) {
      case Kind::asset:
        done = state_->decide_asset(stamp).code == Code::ok;
        break;
      case Kind::account:
        done = state_->decide_account(stamp).code == Code::ok;
        break;
      case Kind::transact:
        done = state_->redo_transact(stamp);
        break;
      default:
        break;
    }
  }
  if (done) return {};
  return fail(ledger::Code::corrupt_segment,
              at(stamp.offset) + " can't have been accepted, as its verdict says");
}

Offset Book::next_offset() const {
  return state_->next_offset;
}

Time Book::log_time() const {
  return state_->log_time;
}

uint8_t Book::rules() const {
  return state_->rules;
}

const AssetRow* Book::asset(std::string_view code) const {
  const auto found = state_->asset_of.find(code);
  return found == state_->asset_of.end() ? nullptr : &state_->assets[found->second];
}

std::optional<AccountRow> Book::account(const Id& id) const {
  const std::optional<AccountIndex> i = state_->find(id);
  return i ? std::optional(state_->account_row(*i)) : std::nullopt;
}

std::optional<AccountRow> Book::account(std::string_view name) const {
  const std::optional<AccountIndex> i = state_->find(name);
  return i ? std::optional(state_->account_row(*i)) : std::nullopt;
}

std::vector<AssetRow> Book::assets() const {
  std::vector<AssetRow> sorted;
  for (const auto& [code, i] : state_->asset_of) sorted.push_back(state_->assets[i]);
  return sorted;
}

void Book::each_account(std::string_view prefix,
                        const std::function<void(const AccountRow&)>& visit) const {
  const auto name = [this](AccountIndex i) { return state_->name(i); };
  std::vector<AccountIndex>& sorted = state_->by_name;
  const auto old_size = static_cast<std::ptrdiff_t>(sorted.size());
  for (size_t i = sorted.size(); i < state_->rows.size(); ++i) {
    sorted.push_back(static_cast<AccountIndex>(i));
  }
  std::ranges::sort(sorted.begin() + old_size, sorted.end(), {}, name);
  std::ranges::inplace_merge(sorted, sorted.begin() + old_size, {}, name);

  // Names that begin with the prefix stand together; among them are some, such as `assets:bank-2`,
  // that don't have it in whole parts.
  for (auto i = std::ranges::lower_bound(sorted, prefix, {}, name);
       i != sorted.end() && name(*i).starts_with(prefix); ++i) {
    const std::string_view rest = name(*i).substr(prefix.size());
    if (prefix.empty() || rest.empty() || rest.front() == ':') visit(state_->account_row(*i));
  }
}

size_t Book::account_count() const {
  return state_->rows.size();
}

Result<void> Book::load(const AssetRow& row) {
  if (!is_asset_code(row.code) || row.scale > scale_max) {
    return bad_row("asset '" + row.code + "' is none");
  }
  if (asset(row.code)) return bad_row("asset " + row.code + " stands there twice");
  state_->add_asset({row.code, row.scale}, row.offset);
  return {};
}

Result<void> Book::load(const AccountRow& row) {
  const Account& account = row.account;
  const std::string what = "account " + account.account.text();
  if (!account.account.valid() || !is_account_name(account.name) ||
      kind_of_name(account.name) != account.kind) {
    return bad_row(what + " has no id, name and kind that fit");
  }
  if (!asset(account.asset)) return bad_row(what + " is of an unknown asset " + account.asset);
  if (state_->find(account.account)) return bad_row(what + " stands there twice");
  if (state_->find(account.name)) return bad_row("two accounts are called " + account.name);
  if (!is_total(row.debits_posted) || !is_total(row.credits_posted)) {
    return bad_row(what + " has a total beyond 2^127-1");
  }
  if (row.closed || row.debits_pending != 0 || row.credits_pending != 0) {
    return bad_row(what + " is closed or has holds, which no rules version known here has");
  }
  if (account.floor && account.ceiling && *account.floor > *account.ceiling) {
    return bad_row(what + " has a floor above its ceiling");
  }
  state_->add_account(account, row.opened, row.opened_at);
  Row& added = state_->rows[state_->rows.size() - 1];
  added.debits = row.debits_posted;
  added.credits = row.credits_posted;
  added.version = row.version;
  added.last_offset = row.last_offset;
  return {};
}

void Book::load_position(Offset next, Time log_time) {
  state_->next_offset = next;
  state_->log_time = log_time;
}

Digest Book::digest() const {
  return state_->digest();
}

void Book::track_touched() {
  state_->tracks_touched = true;
}

std::span<const Id> Book::touched() const {
  return state_->touched;
}

void Book::clear_touched() {
  for (const AccountIndex i : state_->touched_rows) state_->rows[i].touched = false;
  state_->touched_rows.clear();
  state_->touched.clear();
}

Decision decide(const Book& book, const Stamp& first, const RecordView& record,
                const Verdict& verdict) {
  assert(first.offset == verdict.first);
  Decision decision{.id = record.id,
                    .offset = first.offset,
                    .recorded = first.recorded,
                    .verdict = verdict,
                    .effective = {},
                    .legs = {},
                    .balances = {}};
  if (verdict.code != Code::ok || static_cast<Kind>(record.kind) != Kind::transact) {
    return decision;
  }
  std::optional<Transact> transact = decode_transact(record.body);
  assert(transact);
  decision.effective = transact->effective.value_or(first.recorded);
  decision.legs = std::move(transact->legs);
  if (verdict.duplicate) return decision;
  for (const Leg& leg : decision.legs) {
    for (const Id& id : {leg.debit, leg.credit}) {
      const auto known = std::ranges::find(decision.balances, id, &Balance::account);
      if (known != decision.balances.end()) continue;
      const std::optional<AccountRow> row = book.account(id);
      assert(row);
      decision.balances.push_back(
          {id, row->account.name, row->posted(), row->available(), row->version});
    }
  }
  return decision;
}

}  // namespace ledger::book
