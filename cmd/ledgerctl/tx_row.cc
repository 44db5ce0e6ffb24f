#include "tx_row.h"

#include <fmt/format.h>

#include "book/detail_text.h"
#include "cli/json.h"
#include "cli/text.h"

namespace ledger::cli {
namespace {

const Known* known(Names& names, const Id& id) {
  const Checked<const Known*> found = names.find(id);
  return found ? *found : nullptr;
}

/// An account by its name, or by its id where it is not known.
std::string account_text(const Known* account, const Id& id) {
  return account ? account->name : id.text();
}

struct LegText {
  std::string debit;
  std::string credit;
  std::string amount;
  std::string asset;  ///< Empty where it is unknown or the two differ.
};

/// Amounts have the scale of the debit account's asset, else of the credit account's, else 0.
LegText leg_text(const book::Leg& leg, Names& names, bool minor) {
  const Known* debit = known(names, leg.debit);
  const Known* credit = known(names, leg.credit);
  const Known* money = debit ? debit : credit;
  LegText text{account_text(debit, leg.debit), account_text(credit, leg.credit),
               format_amount(leg.amount, money && !minor ? money->scale : 0), ""};
  if (debit && credit && debit->asset == credit->asset) text.asset = debit->asset;
  return text;
}

std::string balances_json(const std::vector<book::Balance>& balances, Names& names, bool minor) {
  std::vector<std::string> all;
  for (const book::Balance& balance : balances) {
    const Known* account = known(names, balance.account);
    const unsigned scale = account && !minor ? account->scale : 0;
    all.push_back(json::Object()
                      .add("account", balance.name)
                      .add("posted", format_amount(balance.posted, scale))
                      .add("available", format_amount(balance.available, scale))
                      .add("version", balance.version)
                      .text());
  }
  return json::array(all);
}

bool accepted(const TxRow& row) {
  return row.verdict.code == book::Code::ok;
}

std::string status(const TxRow& row) {
  if (!row.decided) return "-";
  return accepted(row) ? "posted" : std::string(name(row.verdict.code));
}

}  // namespace

TxRow tx_row(const book::Decision& decision, const RecordView& record) {
  TxRow row{.id = decision.id,
            .offset = decision.offset,
            .recorded = decision.recorded,
            .verdict = decision.verdict,
            .effective = decision.effective,
            .legs = decision.legs,
            .balances = decision.balances};
  if (std::optional<book::Transact> asked = book::decode_transact(record.body)) {
    if (!row.effective) row.effective = asked->effective;
    if (row.legs.empty()) row.legs = std::move(asked->legs);
    row.memo = std::move(asked->memo);
  }
  row.meta = record.meta;
  return row;
}

TxRow tx_row(const DecidedRecord& record) {
  const RecordView view = view_record(record.bytes);
  book::Decision decision;
  decision.id = view.id;
  decision.offset = record.offset;
  decision.recorded = record.recorded;
  decision.verdict.code = record.code;
  decision.verdict.first = record.offset;
  if (record.detail) decision.verdict.detail = *record.detail;
  return tx_row(decision, view);
}

std::string tx_json(const TxRow& row, Names& names, bool minor) {
  json::Object object("tx");
  object.add("offset", row.offset).add("id", row.id).add("tx_kind", "transfer");
  if (row.decided) object.add("verdict", name(row.verdict.code));
  if (row.written) object.add("duplicate", row.verdict.duplicate);
  if (row.decided && accepted(row)) object.add("status", "posted");
  object.add("recorded_at", row.recorded).add("effective_at", row.effective.value_or(row.recorded));
  if (!row.memo.empty()) object.add("memo", row.memo);
  if (!row.meta.empty()) object.add_json("meta", row.meta);
  std::vector<std::string> legs;
  for (const book::Leg& leg : row.legs) {
    const LegText text = leg_text(leg, names, minor);
    json::Object one;
    one.add("debit", text.debit).add("credit", text.credit).add("amount", text.amount);
    if (!text.asset.empty()) one.add("asset", text.asset);
    legs.push_back(one.text());
  }
  object.add_json("legs", json::array(legs));
  if (!row.balances.empty()) {
    object.add_json("balances", balances_json(row.balances, names, minor));
  }
  if (row.decided && !accepted(row)) {
    object.add_json("detail",
                    detail_json(row.verdict.code, row.verdict.detail, style_of(names, minor)));
  }
  object.add_if("line", row.line).add_if("as_of_offset", row.as_of);
  return object.text();
}

std::vector<std::vector<std::string>> tx_cells(const TxRow& row, Names& names, bool minor) {
  std::vector<std::vector<std::string>> all;
  for (const book::Leg& leg : row.legs) {
    const LegText text = leg_text(leg, names, minor);
    all.push_back({std::to_string(row.offset.value), local_time(row.recorded), row.id.text(),
                   status(row), text.debit, text.credit, text.amount, text.asset,
                   escaped(row.memo, Escape::line)});
  }
  return all;
}

std::string tx_lines(const TxRow& row, Names& names) {
  std::string out;
  for (const std::vector<std::string>& cells : tx_cells(row, names, false)) {
    std::string line;
    for (const std::string& cell : cells) {
      if (!line.empty()) line += ' ';
      line += cell.empty() ? "-" : cell;
    }
    out += line + "\n";
  }
  return out;
}

std::vector<std::pair<std::string, std::string>> tx_values(const TxRow& row, Names& names,
                                                           bool minor) {
  std::vector<std::pair<std::string, std::string>> values = {
      {"id", row.id.text()},
      {"offset", std::to_string(row.offset.value)},
      {"status", status(row)},
      {"recorded", local_time(row.recorded)},
      {"effective", local_time(row.effective.value_or(row.recorded))},
      {"memo", escaped(row.memo, Escape::line)},
      {"meta", escaped(row.meta, Escape::line)},
  };
  for (const book::Leg& leg : row.legs) {
    const LegText text = leg_text(leg, names, minor);
    values.emplace_back("leg", fmt::format("debit {}, credit {}, {}{}{}", text.debit, text.credit,
                                           text.amount, text.asset.empty() ? "" : " ", text.asset));
  }
  if (!accepted(row)) {
    values.emplace_back("refused",
                        sentence(row.id, Kind::transact, row.verdict, style_of(names, minor)));
  }
  if (row.as_of) values.emplace_back("as of offset", std::to_string(row.as_of->value));
  return values;
}

Failure refusal(const TxRow& row, Names& names, bool minor) {
  const book::DetailStyle style = style_of(names, minor);
  Failure failure = Error{Code::refused, sentence(row.id, Kind::transact, row.verdict, style), ""};
  failure.verdict = name(row.verdict.code);
  const std::optional<Id>& account = row.verdict.detail.account;
  const Known* who = account ? known(names, *account) : nullptr;
  failure.hint = who ? fmt::format("see 'ledgerctl account show {}'", who->name)
                     : fmt::format("see 'ledgerctl tx show {}'", row.id.text());
  failure.members = fmt::format(",\"offset\":{},\"detail\":{}", row.offset.value,
                                detail_json(row.verdict.code, row.verdict.detail, style));
  return failure;
}

}  // namespace ledger::cli
