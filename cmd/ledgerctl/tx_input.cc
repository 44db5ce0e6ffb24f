#include "tx_input.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/time.h"
#include "book/book.h"
#include "book/text.h"
#include "cli/json.h"
#include "cli/text.h"
#include "cli/values.h"

namespace ledger::cli {
namespace {

using json::Member;
using json::Value;

auto invalid(std::string message) {
  return fail(Code::invalid_message, std::move(message));
}

/// The value of a field that must be a string.
Result<std::string> text_of(const Member& member) {
  if (!member.value.is_string()) return invalid(fmt::format("'{}' is no string", member.name));
  return member.value.string();
}

Result<std::string> amount_of(const Member& member) {
  if (member.value.is_number()) {
    return fail(Code::invalid_amount,
                fmt::format("'{}' is a JSON number, write a string", member.name));
  }
  return text_of(member);
}

Result<uint64_t> count_of(const Member& member) {
  if (!member.value.is_number()) return invalid(fmt::format("'{}' is no number", member.name));
  Result<uint64_t> count = parse_count(fmt::format("'{}'", member.name), member.value.text);
  if (!count) count.error().code = Code::invalid_message;
  return count;
}

Result<Time> time_of(const Member& member, bool date_allowed) {
  const std::string text = TRY(text_of(member));
  const std::optional<Time> time = parse_time(text);
  if (!time || (!date_allowed && text.find('T') == std::string::npos)) {
    return invalid(fmt::format("'{}' is no time: '{}'", member.name, escaped(text, Escape::line)));
  }
  return *time;
}

auto unknown_field(std::string_view in, std::string_view name) {
  return invalid(fmt::format("unknown field '{}{}'", in, escaped(name, Escape::line)));
}

Result<TxInput::Leg> read_leg(Value value) {
  if (!value.is_object()) return invalid("a leg is no object");
  TxInput::Leg leg;
  for (const Member& member : TRY(json::members(value.text))) {
    if (member.name == "debit") {
      leg.debit = TRY(text_of(member));
    } else if (member.name == "credit") {
      leg.credit = TRY(text_of(member));
    } else if (member.name == "amount") {
      leg.amount = TRY(amount_of(member));
    } else if (member.name == "asset") {
      leg.asset = TRY(text_of(member));
    } else {
      return unknown_field("legs[].", member.name);
    }
  }
  if (leg.debit.empty() || leg.credit.empty() || leg.amount.empty()) {
    return invalid("a leg needs debit, credit and amount");
  }
  return leg;
}

/// `{"ge":"100.00"}`
Result<void> read_comparison(TxInput::Condition& condition, const Member& what) {
  using What = book::Condition::What;
  using Op = book::Condition::Op;
  condition.what = what.name == "version"  ? What::version
                   : what.name == "posted" ? What::posted
                                           : What::available;
  if (!what.value.is_object()) return invalid(fmt::format("'{}' is no object", what.name));
  const std::vector<Member> ops = TRY(json::members(what.value.text));
  if (ops.size() != 1) return invalid(fmt::format("'{}' needs one of eq, ge, le", what.name));
  if (ops[0].name != "eq" && ops[0].name != "ge" && ops[0].name != "le") {
    return unknown_field(fmt::format("conditions[].{}.", what.name), ops[0].name);
  }
  condition.op = ops[0].name == "eq" ? Op::eq : ops[0].name == "ge" ? Op::ge : Op::le;
  condition.value = condition.what == What::version ? std::to_string(TRY(count_of(ops[0])))
                                                    : TRY(amount_of(ops[0]));
  return {};
}

Result<TxInput::Condition> read_condition(Value value) {
  if (!value.is_object()) return invalid("a condition is no object");
  TxInput::Condition condition;
  size_t comparisons = 0;
  for (const Member& member : TRY(json::members(value.text))) {
    if (member.name == "account") {
      condition.account = TRY(text_of(member));
    } else if (member.name == "version" || member.name == "posted" || member.name == "available") {
      TRY(read_comparison(condition, member));
      ++comparisons;
    } else {
      return unknown_field("conditions[].", member.name);
    }
  }
  if (condition.account.empty() || comparisons != 1) {
    return invalid("a condition needs account and one of version, posted, available");
  }
  return condition;
}

/// The parts of a line from which its legs are made once all are read.
struct Forms {
  std::optional<std::string> from, to, debit, credit, amount, asset;
  std::optional<Value> legs;
};

Result<void> read_legs(TxInput& input, const Forms& forms) {
  const bool by_sides = forms.from || forms.to;
  const bool by_books = forms.debit || forms.credit;
  if (int(by_sides) + int(by_books) + int(forms.legs.has_value()) != 1) {
    return invalid("needs exactly one of from and to, debit and credit, legs");
  }
  if (!forms.legs) {
    const auto& first = by_sides ? forms.from : forms.debit;
    const auto& second = by_sides ? forms.to : forms.credit;
    if (!first || !second || !forms.amount) {
      return invalid(by_sides ? "needs from, to and amount" : "needs debit, credit and amount");
    }
    input.legs.push_back({*first, *second, *forms.amount, by_sides, forms.asset.value_or("")});
    return {};
  }
  if (forms.amount) return invalid("'amount' stands in each of the legs");
  if (!forms.legs->is_array()) return invalid("'legs' is no array");
  for (Value leg : json::elements(*forms.legs)) input.legs.push_back(TRY(read_leg(leg)));
  for (TxInput::Leg& leg : input.legs) {
    if (leg.asset.empty()) leg.asset = forms.asset.value_or("");
  }
  return {};
}

bool is_later_field(std::string_view name) {
  return name == "pending" || name == "expires_in" || name == "at_most";
}

Result<void> read_field(TxInput& input, Forms& forms, const Member& member) {
  const std::string_view name = member.name;
  if (name == "id") {
    const std::string text = TRY(text_of(member));
    Result<Id> id = parse_uuid("'id'", text);
    if (!id) return tl::unexpected(std::move(id).error());
    input.id = *id;
  } else if (name == "from") {
    forms.from = TRY(text_of(member));
  } else if (name == "to") {
    forms.to = TRY(text_of(member));
  } else if (name == "debit") {
    forms.debit = TRY(text_of(member));
  } else if (name == "credit") {
    forms.credit = TRY(text_of(member));
  } else if (name == "amount") {
    forms.amount = TRY(amount_of(member));
  } else if (name == "asset") {
    forms.asset = TRY(text_of(member));
  } else if (name == "legs") {
    forms.legs = member.value;
  } else if (name == "memo") {
    input.memo = TRY(text_of(member));
  } else if (name == "meta") {
    input.meta = TRY(read_meta(member.value.text));
  } else if (name == "effective_at") {
    input.effective = TRY(time_of(member, true));
  } else if (name == "valid_until_at") {
    input.valid_until = TRY(time_of(member, false));
  } else if (name == "expect_offset") {
    input.expect_offset = Offset(TRY(count_of(member)));
  } else if (name == "conditions") {
    if (!member.value.is_array()) return invalid("'conditions' is no array");
    for (Value condition : json::elements(member.value)) {
      input.conditions.push_back(TRY(read_condition(condition)));
    }
  } else if (is_later_field(name)) {
    return invalid(fmt::format("field '{}' is not in this version", name));
  } else {
    return unknown_field("", name);
  }
  return {};
}

// ---- From names and text to ids and integers. ----

/// An account that a leg or condition names. An id need not be known.
struct Side {
  Id id;
  const Known* known = nullptr;
  std::string_view text;
};

Checked<Side> find_side(std::string_view text, Names& names) {
  if (const std::optional<Id> id = parse_id(text)) {
    return Side{*id, TRY(names.find(*id)), text};
  }
  if (!book::is_account_name(text)) {
    return fail(Code::invalid_name,
                fmt::format("'{}' is no account name", escaped(text, Escape::line)),
                "such as assets:bank: parts of a-z, 0-9 and -, joined by ':'");
  }
  const Known* known = TRY(names.find(text));
  if (!known) {
    return fail(Code::no_such_account, fmt::format("no account '{}'", text),
                "see 'ledgerctl account list'");
  }
  return Side{known->id, known, text};
}

auto side_required(const Side& from, const Side& to) {
  const bool from_is_debit = book::sign(from.known->kind) > 0;
  const std::string_view debit = from_is_debit ? from.text : to.text;
  const std::string_view credit = from_is_debit ? to.text : from.text;
  return fail(Code::side_required,
              fmt::format("{} and {} have different normal sides", from.text, to.text),
              fmt::format("'tx post --debit {0} --credit {1} …' increases both, '--debit {1} "
                          "--credit {0}' decreases both",
                          debit, credit));
}

Result<Int128> parse_money(std::string_view text, unsigned scale, std::string_view asset,
                           bool positive) {
  const std::optional<Int128> amount = parse_amount(text, scale);
  if (amount && (!positive || *amount > 0)) return *amount;
  const std::string shown = escaped(text, Escape::line);
  if (amount) {
    return fail(Code::invalid_amount, fmt::format("amount '{}' is not above zero", shown),
                "write how much moves, and which way by the accounts");
  }
  const size_t point = text.find('.');
  const size_t decimals = point == std::string_view::npos ? 0 : text.size() - point - 1;
  if (decimals > scale && parse_amount(text, static_cast<unsigned>(decimals))) {
    const std::string rule =
        asset.empty() ? fmt::format("{} allowed", scale) : fmt::format("{} has {}", asset, scale);
    return fail(Code::invalid_amount,
                fmt::format("amount '{}' has {} decimals, {}", shown, decimals, rule),
                "amounts are never rounded");
  }
  return fail(Code::invalid_amount, fmt::format("'{}' is no amount", shown),
              "digits, with a point before decimals, at most 2^127-1 minor units");
}

Result<void> check_asset(const TxInput::Leg& leg, const Side& side) {
  if (leg.asset.empty() || !side.known || side.known->asset == leg.asset) return {};
  return fail(Code::invalid_value,
              fmt::format("{} is in {}, not {}", side.text, side.known->asset,
                          escaped(leg.asset, Escape::line)),
              "leave the asset out, or name the accounts' own");
}

Checked<book::Leg> resolve_leg(const TxInput::Leg& leg, Names& names, bool minor) {
  Side debit = TRY(find_side(leg.debit, names));
  Side credit = TRY(find_side(leg.credit, names));
  TRY(check_asset(leg, debit));
  TRY(check_asset(leg, credit));
  if (leg.from_to) {
    for (const Side* side : {&debit, &credit}) {
      if (side->known) continue;
      return fail(Code::no_such_account, fmt::format("no account '{}'", side->text),
                  "its side is not known: use --debit and --credit");
    }
    if (book::sign(debit.known->kind) != book::sign(credit.known->kind)) {
      return side_required(debit, credit);
    }
    // `from` decreases: a debit where credits increase, else a credit.
    if (book::sign(debit.known->kind) > 0) std::swap(debit, credit);
  }
  const Known* money = debit.known ? debit.known : credit.known;
  const unsigned scale = money && !minor ? money->scale : 0;
  return book::Leg{debit.id, credit.id,
                   TRY(parse_money(leg.amount, scale, money && !minor ? money->asset : "", true))};
}

Checked<book::Condition> resolve_condition(const TxInput::Condition& condition, Names& names,
                                           bool minor) {
  const Side side = TRY(find_side(condition.account, names));
  const bool money = condition.what != book::Condition::What::version;
  const unsigned scale = money && side.known && !minor ? side.known->scale : 0;
  return book::Condition{
      side.id, condition.what, condition.op,
      TRY(parse_money(condition.value, scale, side.known ? side.known->asset : "", false))};
}

}  // namespace

Result<std::string> read_meta(std::string_view text) {
  // The rules of what may stand in it are the book's; here it only must be whole.
  if (!json::members(text)) {
    return fail(Code::invalid_text, "meta is no JSON object, or has a name twice",
                "write an object such as {\"invoice\":\"INV-7\"}");
  }
  return Value{text}.compact();
}

Result<TxInput> read_tx(std::string_view line) {
  TxInput input;
  Forms forms;
  for (const Member& member : TRY(json::members(line))) TRY(read_field(input, forms, member));
  TRY(read_legs(input, forms));
  return input;
}

Checked<book::Transact> resolve(const TxInput& input, Names& names, bool minor) {
  book::Transact transact;
  for (const TxInput::Leg& leg : input.legs) {
    transact.legs.push_back(TRY(resolve_leg(leg, names, minor)));
  }
  for (const TxInput::Condition& condition : input.conditions) {
    transact.conditions.push_back(TRY(resolve_condition(condition, names, minor)));
  }
  transact.effective = input.effective;
  transact.memo = input.memo;
  return transact;
}

Result<void> append_record(std::string& packed, const TxInput& input, const Id& id,
                           const book::Transact& transact, std::optional<Time> valid_until) {
  if (input.meta.size() > meta_bytes_max) {
    return fail(Code::too_large,
                fmt::format("meta of {} bytes, at most {}", input.meta.size(), meta_bytes_max),
                "keep large documents elsewhere, and their names here");
  }
  const std::string body = book::encode(transact);
  const size_t begin = packed.size();
  encode_record(packed, {.id = id,
                         .kind = Kind::transact,
                         .expect_offset = input.expect_offset,
                         .valid_until = input.valid_until ? input.valid_until : valid_until,
                         .body = body,
                         .meta = input.meta});
  Cursor cursor(Bytes(packed).substr(begin));
  const RecordView view = view_record(*take_record(cursor));
  if (const std::optional<book::RequestError> refused = book::check(view, book::rules_newest)) {
    packed.resize(begin);
    return fail(refused->code, refused->message, "see ledger(7) for what may stand in a record");
  }
  return {};
}

}  // namespace ledger::cli
