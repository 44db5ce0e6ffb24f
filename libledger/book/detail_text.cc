#include "book/detail_text.h"

#include <array>
#include <span>

#include "base/time.h"
#include "book/detail_fields.h"

namespace ledger::book {
namespace {

/// The fields that a verdict fills, in the order in which they are written.
std::span<const std::string_view> fields_of(Code code) {
  using Name = std::string_view;
  static constexpr std::array<Name, 2> id_conflict = {"first_offset", "field"};
  static constexpr std::array<Name, 1> malformed = {"error"};
  static constexpr std::array<Name, 2> offset_mismatch = {"expected", "actual_offset"};
  static constexpr std::array<Name, 2> too_late = {"valid_until", "log_time"};
  static constexpr std::array<Name, 1> asset_not_found = {"asset"};
  static constexpr std::array<Name, 1> asset_exists = {"scale"};
  static constexpr std::array<Name, 1> account_exists = {"name"};
  static constexpr std::array<Name, 2> name_taken = {"name", "holder"};
  static constexpr std::array<Name, 4> account_not_found = {"leg", "side", "condition", "account"};
  static constexpr std::array<Name, 3> asset_mismatch = {"leg", "debit_asset", "credit_asset"};
  static constexpr std::array<Name, 5> condition_failed = {"condition", "account", "what", "actual",
                                                           "version"};
  static constexpr std::array<Name, 4> overflow = {"leg", "account", "side", "total"};
  static constexpr std::array<Name, 5> insufficient_funds = {"leg", "account", "available", "floor",
                                                             "needed"};
  static constexpr std::array<Name, 5> ceiling_exceeded = {"leg", "account", "posted", "ceiling",
                                                           "added"};
  switch (code) {
    case Code::id_conflict:
      return id_conflict;
    case Code::malformed:
      return malformed;
    case Code::offset_mismatch:
      return offset_mismatch;
    case Code::too_late:
      return too_late;
    case Code::asset_not_found:
      return asset_not_found;
    case Code::asset_exists:
      return asset_exists;
    case Code::account_exists:
      return account_exists;
    case Code::name_taken:
      return name_taken;
    case Code::account_not_found:
      return account_not_found;
    case Code::asset_mismatch:
      return asset_mismatch;
    case Code::condition_failed:
      return condition_failed;
    case Code::overflow:
      return overflow;
    case Code::insufficient_funds:
      return insufficient_funds;
    case Code::ceiling_exceeded:
      return ceiling_exceeded;
    default:
      return {};
  }
}

/// Details come from the network too: their strings may hold anything.
std::string quoted(std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    if (byte < 0x20) {
      out += {'\\', 'u', '0', '0', digits[byte >> 4], digits[byte & 15]};
    } else {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
  }
  return out + "\"";
}

/// Writes the values of one detail. Without quotes they are as they stand in sentences.
class Values {
 public:
  Values(Code code, const Detail& detail, const DetailStyle& style) : code_(code), detail_(detail) {
    if (detail.account && style.find) facts_ = style.find(*detail.account);
    scale_ = facts_ && !style.minor ? facts_->scale : 0;
  }

  /// The field called `field` as JSON, or nothing where the detail does not have it.
  std::optional<std::string> json(std::string_view field) const {
    std::optional<std::string> out;
    each_field(detail_, [&](uint32_t, std::string_view name, const auto& value) {
      if (name == field && value) out = json(name, *value);
    });
    return out;
  }

  std::string account() const {
    if (facts_ && code_ != Code::account_not_found) return facts_->name;
    return detail_.account.value_or(Id()).text();
  }

  std::string amount(const std::optional<Int128>& value) const {
    return format_amount(value.value_or(0), scale_);
  }

 private:
  std::string json(std::string_view, const Offset& value) const {
    return std::to_string(value.value);
  }
  std::string json(std::string_view, uint32_t value) const { return std::to_string(value); }
  std::string json(std::string_view, uint64_t value) const { return std::to_string(value); }
  std::string json(std::string_view, const std::string& value) const { return quoted(value); }
  std::string json(std::string_view, const Time& value) const {
    return quoted(format_time_full(value));
  }
  std::string json(std::string_view name, const Id& value) const {
    return quoted(name == "account" ? account() : value.text());
  }
  std::string json(std::string_view name, const Int128& value) const {
    const bool is_version = name == "actual" && detail_.what == "version";
    return is_version ? format_integer(value) : quoted(amount(value));
  }

  Code code_;
  const Detail& detail_;
  std::optional<AccountFacts> facts_;
  unsigned scale_ = 0;
};

std::string conflict_sentence(const Id& id, Kind kind, const Detail& detail) {
  std::string what = "another kind of record";
  if (detail.field != "kind") {
    const std::string_view noun = kind == Kind::transact ? "transaction"
                                  : kind == Kind::raw    ? "record"
                                                         : name(kind);
    what = "a different " + std::string(noun);
  }
  return "id " + id.text() + " was used for " + what + " at offset " +
         std::to_string(detail.first_offset.value_or(Offset()).value) + " (field '" +
         detail.field.value_or("") + "')";
}

std::string not_found_sentence(const Detail& detail, const Values& values) {
  const std::string where = detail.condition ? "condition " + std::to_string(*detail.condition)
                                             : "leg " + std::to_string(detail.leg.value_or(0)) +
                                                   ", " + detail.side.value_or("");
  return "no account " + values.account() + " (" + where + ")";
}

std::string condition_sentence(const Detail& detail, const Values& values) {
  const std::string actual = detail.what == "version"
                                 ? "version " + format_integer(detail.actual.value_or(0))
                                 : values.amount(detail.actual) + " " + detail.what.value_or("");
  return "account " + values.account() + " has " + actual + ", against condition " +
         std::to_string(detail.condition.value_or(0));
}

}  // namespace

DetailStyle style_of(const Book& book) {
  return {
      .find = [&book](const Id& id) -> std::optional<AccountFacts> {
        std::optional<AccountRow> row = book.account(id);
        if (!row) return std::nullopt;
        return AccountFacts{std::move(row->account.name), book.asset(row->account.asset)->scale};
      },
      .minor = false};
}

std::string detail_json(Code code, const Detail& detail, const DetailStyle& style) {
  const Values values(code, detail, style);
  std::string out = "{";
  for (const std::string_view field : fields_of(code)) {
    const std::optional<std::string> value = values.json(field);
    if (!value) continue;
    if (out.size() > 1) out += ',';
    out += quoted(field) + ":" + *value;
  }
  return out + "}";
}

std::string sentence(const Id& id, Kind kind, const Verdict& verdict, const DetailStyle& style) {
  const Detail& detail = verdict.detail;
  const Values values(verdict.code, detail, style);
  const auto number = [](const auto& value) { return std::to_string(value.value_or(0)); };
  const auto offset = [](const auto& value) {
    return std::to_string(value.value_or(Offset()).value);
  };
  const auto time = [](const auto& value) { return format_time(value.value_or(Time())); };
  const auto text = [](const auto& value) { return value.value_or("?"); };
  const std::string account = "account " + values.account();
  switch (verdict.code) {
    case Code::ok:
      return "";
    case Code::id_conflict:
      return conflict_sentence(id, kind, detail);
    case Code::malformed:
      return "record at offset " + std::to_string(verdict.first.value) + " is malformed (" +
             text(detail.error) + ")";
    case Code::offset_mismatch:
      return "expected next offset " + offset(detail.expected) + ", cluster is at " +
             offset(detail.actual_offset);
    case Code::too_late:
      return "valid until " + time(detail.valid_until) + ", the log was at " +
             time(detail.log_time);
    case Code::asset_not_found:
      return "no asset " + text(detail.asset);
    case Code::asset_exists:
      return "asset exists with scale " + number(detail.scale);
    case Code::account_exists:
      return "this account id is that of " + text(detail.name);
    case Code::name_taken:
      return "account " + text(detail.name) + " exists with id " +
             detail.holder.value_or(Id()).text();
    case Code::account_not_found:
      return not_found_sentence(detail, values);
    case Code::asset_mismatch:
      return "leg " + number(detail.leg) + " debits " + text(detail.debit_asset) + " and credits " +
             text(detail.credit_asset);
    case Code::condition_failed:
      return condition_sentence(detail, values);
    case Code::overflow:
      return account + " has " + text(detail.side) + "s of " + values.amount(detail.total) +
             ", more would pass 2^127-1 minor units";
    case Code::insufficient_funds:
      return account + " has " + values.amount(detail.available) + " available, needs " +
             values.amount(detail.needed) + " (floor " + values.amount(detail.floor) + ")";
    case Code::ceiling_exceeded:
      return account + " has " + values.amount(detail.posted) + " posted, " +
             values.amount(detail.added) + " more would pass the ceiling " +
             values.amount(detail.ceiling);
    default:
      return std::string(name(verdict.code));
  }
}

}  // namespace ledger::book
