#include "record_row.h"

#include <fmt/format.h>

#include "base/int128.h"
#include "book/command.h"
#include "cli/json.h"
#include "cli/text.h"

namespace ledger::cli {
namespace {

std::string limit(std::string_view name, const std::optional<Int128>& value) {
  return value ? fmt::format(" {} {}", name, format_integer(*value)) : "";
}

std::string account_text(const book::Account& account) {
  return fmt::format("account {} {} {}{}{} id {}", account.name, account.asset, name(account.kind),
                     limit("floor", account.floor), limit("ceiling", account.ceiling),
                     account.account.text());
}

std::string transact_text(const book::Transact& transact) {
  std::string text = "transact";
  for (const book::Leg& leg : transact.legs) {
    text += fmt::format("{} debit {} credit {} amount {}", text.size() > 8 ? "," : "",
                        leg.debit.text(), leg.credit.text(), format_integer(leg.amount));
  }
  if (!transact.memo.empty()) {
    text += fmt::format(" memo {}", escaped(transact.memo, Escape::value));
  }
  return text;
}

json::Object& add_limit(json::Object& object, std::string_view name,
                        const std::optional<Int128>& value) {
  return value ? object.add(name, format_integer(*value)) : object;
}

std::string account_json(const book::Account& account) {
  json::Object object;
  object.add("account", account.account)
      .add("name", account.name)
      .add("asset", account.asset)
      .add("account_kind", name(account.kind));
  add_limit(object, "floor_minor", account.floor);
  add_limit(object, "ceiling_minor", account.ceiling);
  return object.text();
}

std::string transact_json(const book::Transact& transact) {
  json::Object object;
  std::vector<std::string> legs;
  for (const book::Leg& leg : transact.legs) {
    legs.push_back(json::Object()
                       .add("debit", leg.debit)
                       .add("credit", leg.credit)
                       .add("amount_minor", format_integer(leg.amount))
                       .text());
  }
  object.add_json("legs", json::array(legs)).add_if("effective_at", transact.effective);
  if (!transact.conditions.empty()) {
    std::vector<std::string> conditions;
    for (const book::Condition& condition : transact.conditions) {
      conditions.push_back(json::Object()
                               .add("account", condition.account)
                               .add("what", name(condition.what))
                               .add("op", name(condition.op))
                               .add("value_minor", format_integer(condition.value))
                               .text());
    }
    object.add_json("conditions", json::array(conditions));
  }
  if (!transact.memo.empty()) object.add("memo", transact.memo);
  return object.text();
}

}  // namespace

std::string decoded_text(const RecordView& record) {
  switch (static_cast<Kind>(record.kind)) {
    case Kind::asset:
      if (const auto asset = book::decode_asset(record.body)) {
        return fmt::format("asset {} scale {}", asset->code, asset->scale);
      }
      return "";
    case Kind::account:
      if (const auto account = book::decode_account(record.body)) return account_text(*account);
      return "";
    case Kind::transact:
      if (const auto transact = book::decode_transact(record.body)) {
        return transact_text(*transact);
      }
      return "";
    default:
      return "";
  }
}

std::string decoded_json(const RecordView& record) {
  std::string text;
  switch (static_cast<Kind>(record.kind)) {
    case Kind::asset:
      if (const auto asset = book::decode_asset(record.body)) {
        text = json::Object().add("code", asset->code).add("scale", asset->scale).text();
      }
      break;
    case Kind::account:
      if (const auto account = book::decode_account(record.body)) text = account_json(*account);
      break;
    case Kind::transact:
      if (const auto transact = book::decode_transact(record.body)) {
        text = transact_json(*transact);
      }
      break;
    default:
      break;
  }
  // What the record says of itself goes with it: its meta is an object already.
  if (!text.empty() && !record.meta.empty() && json::members(record.meta)) {
    text.insert(text.size() - 1, fmt::format(",\"meta\":{}", record.meta));
  }
  return text;
}

std::string RecordPrinter::print(const RecordRow& row) const {
  switch (form_) {
    case Form::json:
      return json(row) + "\n";
    case Form::text:
      return text(row) + "\n";
    case Form::values:
    case Form::values_zero: {
      std::string value(row.own.empty() ? view_record(row.record).body : row.record);
      value += form_ == Form::values ? '\n' : '\0';
      return value;
    }
  }
  return {};
}

std::string RecordPrinter::json(const RecordRow& row) const {
  const RecordView record = row.own.empty() ? view_record(row.record) : RecordView{};
  json::Object object("record");
  if (row.offset) object.add("offset", *row.offset);
  object.add_if("index", row.index);
  if (row.uncommitted) object.add("uncommitted", true);
  object.add_if("verdict", row.verdict);
  object.add("term", row.term);
  object.add("type", row.own.empty() ? name(static_cast<Kind>(record.kind)) : "raft");
  if (record.readable) object.add("id", record.id);
  const Bytes value = !row.own.empty() ? row.record : record.body;
  object.add("recorded_at", row.recorded).add("size", value.size()).add_bytes("value", value);
  if (!row.own.empty()) {
    object.add_json("decoded", json::Object().add("entry", row.own).text());
  } else if (decode_) {
    const std::string decoded = decoded_json(record);
    if (!decoded.empty()) object.add_json("decoded", decoded);
  }
  object.add_if("path", row.path).add_if("position", row.position);
  return object.text();
}

std::string RecordPrinter::text(const RecordRow& row) const {
  const RecordView record = row.own.empty() ? view_record(row.record) : RecordView{};
  std::string out = row.offset ? std::to_string(row.offset->value) : "-";
  out += fmt::format(" {} {} ", row.term.value, local_time(row.recorded));
  if (!row.own.empty()) {
    out += row.own;
  } else {
    const std::string decoded = decode_ ? decoded_text(record) : "";
    out += decoded.empty() ? escaped(record.body, Escape::value) : decoded;
  }
  if (row.verdict && *row.verdict != "ok") out += fmt::format(" [{}]", *row.verdict);
  if (row.uncommitted) out += " [uncommitted]";
  if (row.path) out += fmt::format(" [{}:{}]", *row.path, row.position.value_or(0));
  return out;
}

}  // namespace ledger::cli
