#include "sql/session.h"

#include <charconv>

#include "base/time.h"

namespace ledger::sql {
namespace {

/// Reads the cells of a row, in order; what does not read leaves it failed.
class CellParser {
 public:
  explicit CellParser(const Cells& cells) : cells_(cells) {}

  bool failed() const { return failed_; }

  std::string text() { return take().value_or(""); }
  bool boolean() { return take() == "true"; }
  uint64_t number() {
    const std::string text = take().value_or("");
    uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || error != std::errc() || end != text.data() + text.size()) failed_ = true;
    return value;
  }
  Id id() { return parsed(parse_id(take().value_or(""))); }
  Time time() { return parsed(parse_time(take().value_or(""))); }
  std::optional<Int128> limit() {
    const std::optional<std::string>& text = take();
    if (!text) return std::nullopt;
    return parsed(parse_amount(*text, 0));
  }
  Int128 amount() { return parsed(parse_amount(take().value_or(""), 0)); }
  Uint128 total() {
    const Int128 value = amount();
    if (value < 0) failed_ = true;
    return static_cast<Uint128>(value);
  }

 private:
  const std::optional<std::string>& take() { return cells_.at(at_++); }
  template <class T>
  T parsed(std::optional<T> value) {
    if (!value) failed_ = true;
    return value.value_or(T{});
  }

  const Cells& cells_;
  size_t at_ = 0;
  bool failed_ = false;
};

std::optional<book::AccountKind> kind_named(std::string_view text) {
  for (int number = 1; number <= 5; ++number) {
    const auto kind = static_cast<book::AccountKind>(number);
    if (book::name(kind) == text) return kind;
  }
  return std::nullopt;
}

/// An account and its balance, from a row of each. Nothing for what no projection wrote.
std::optional<book::AccountRow> account_row(const Cells& account, const Cells& balance) {
  book::AccountRow row;
  CellParser a(account);
  row.account.account = a.id();
  row.account.name = a.text();
  row.account.asset = a.text();
  const std::optional<book::AccountKind> kind = kind_named(a.text());
  row.account.floor = a.limit();
  row.account.ceiling = a.limit();
  row.closed = a.boolean();
  row.opened_at = a.time();
  row.opened = Offset(a.number());
  CellParser b(balance);
  if (b.id() != row.account.account || !kind) return std::nullopt;
  row.account.kind = *kind;
  row.debits_posted = b.total();
  row.credits_posted = b.total();
  row.debits_pending = b.total();
  row.credits_pending = b.total();
  const Int128 posted = b.amount();
  const Int128 available = b.amount();
  row.version = b.number();
  row.last_offset = Offset(b.number());
  if (a.failed() || b.failed() || posted != row.posted() || available != row.available()) {
    return std::nullopt;
  }
  return row;
}

Error changed(const Target& target, std::string what) {
  return {Code::replica_changed, target.display() + ": " + std::move(what),
          "`replay verify` names the rows; `replay run --rebuild --yes` makes them anew"};
}

Result<void> load_assets(Target& target, book::Book& book) {
  const std::unique_ptr<Reader> assets = TRY(target.read(table(TableName::assets)));
  for (Cells cells; TRY(assets->next(cells));) {
    CellParser parser(cells);
    book::AssetRow row;
    row.code = parser.text();
    row.scale = static_cast<uint32_t>(parser.number());
    row.offset = Offset(parser.number());
    if (parser.failed() || !book.load(row)) {
      return tl::unexpected(changed(target, "asset " + row.code + " is not as it was written"));
    }
  }
  return {};
}

Result<void> load_accounts(Target& target, book::Book& book) {
  const std::unique_ptr<Reader> accounts = TRY(target.read(table(TableName::accounts)));
  const std::unique_ptr<Reader> balances = TRY(target.read(table(TableName::balances)));
  Cells account;
  Cells balance;
  for (;;) {
    const bool has_account = TRY(accounts->next(account));
    const bool has_balance = TRY(balances->next(balance));
    if (!has_account && !has_balance) return {};
    const std::optional<book::AccountRow> row =
        has_account && has_balance ? account_row(account, balance) : std::nullopt;
    if (!row || !book.load(*row)) {
      const Cells& at = has_account ? account : balance;
      return tl::unexpected(
          changed(target, "account " + at[0].value_or("") + " is not as it was written"));
    }
  }
}

}  // namespace

Result<void> check_label(const Target& target, const Watermark& watermark, const std::string& name,
                         const Id& cluster) {
  if (watermark.name != name) {
    return fail(Code::database_mismatch,
                target.display() + " holds the replay '" + watermark.name + "', not '" + name + "'",
                "--name " + watermark.name + ", or another target");
  }
  if (watermark.cluster != cluster) {
    return fail(Code::database_mismatch,
                target.display() + " is for cluster " + watermark.cluster.text() + ", not " +
                    cluster.text(),
                "another database, or --schema");
  }
  return {};
}

Result<void> check_watermark(const Target& target, const Watermark& watermark,
                             const std::string& name, history::Source& source, Offset end) {
  TRY(check_label(target, watermark, name, source.cluster()));
  const Offset next = watermark.next_offset;
  const std::string hint = "never merged: use a fresh target or `--rebuild --yes`";
  if (end < next) {
    return fail(Code::history_mismatch,
                target.display() + " is at " + std::to_string(next.value) +
                    ", the source ends at " + std::to_string(end.value),
                hint);
  }
  if (next == Offset(0)) return {};
  const std::pair<Id, Time> last = TRY(source.identify(next - 1));
  if (watermark.last_id != last.first || watermark.last_recorded != last.second) {
    return fail(Code::history_mismatch,
                "records 0.." + std::to_string(next.value) + " of " + target.display() +
                    " differ from the source",
                hint);
  }
  return {};
}

Result<book::Book> load_book(Target& target, const Watermark& watermark) {
  book::Book book;
  TRY(load_assets(target, book));
  TRY(load_accounts(target, book));
  book.load_position(watermark.next_offset, watermark.last_recorded.value_or(Time{INT64_MIN}));
  if (book.digest() != watermark.state_digest) {
    return tl::unexpected(changed(target, "balances differ from the digest stored with them"));
  }
  return book;
}

}  // namespace ledger::sql
