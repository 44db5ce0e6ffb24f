// ledgerctl tx: post and show transactions.
#include <fmt/format.h>

#include <algorithm>

#include "cli/json.h"
#include "cli/text.h"
#include "log_read.h"
#include "nouns.h"
#include "tx_commands.h"
#include "tx_row.h"

namespace ledger::cli {
namespace {

Outcome show(Context& context) {
  const rpc::Freshness freshness = TRY(read_freshness(context));
  const Id id = TRY(parse_uuid("ID", context.args.arguments()[0]));
  const bool minor = context.args.has("--minor");
  const auto client = TRY(connect(context, Deadline::ordinary));
  ClusterNames names(*client, freshness);
  const auto answer = TRY(asked(*client, client->transaction(id, freshness)));
  const RecordView record = answer.value ? view_record(answer.value->record) : RecordView{};
  if (!answer.value || record.kind != static_cast<uint8_t>(Kind::transact)) {
    return fail(Code::no_such_tx,
                answer.value ? fmt::format("id {} is of a record of type {}", id.text(),
                                           name(static_cast<Kind>(record.kind)))
                             : fmt::format("no transaction {}", id.text()),
                answer.value ? fmt::format("ledgerctl log read --from {} -n 1",
                                           answer.value->decision.offset.value)
                             : "see 'ledgerctl tx list'");
  }
  TxRow row = tx_row(answer.value->decision, record);
  row.as_of = answer.as_of;
  if (context.json()) {
    TRY(context.out.line(tx_json(row, names, minor)));
  } else {
    TRY(context.out.print(name_values(tx_values(row, names, minor))));
  }
  return 0;
}

/// The account that `--account` means, which must be there.
Checked<std::optional<Id>> account_of(Context& context, Names& names) {
  const std::optional<std::string> text = context.args.value("--account");
  if (!text) return std::nullopt;
  const std::optional<Id> id = parse_id(*text);
  const Known* known = id ? TRY(names.find(*id)) : TRY(names.find(std::string_view(*text)));
  if (!known) {
    return fail(Code::no_such_account, fmt::format("no account '{}'", escaped(*text, Escape::line)),
                "see 'ledgerctl account list'");
  }
  return known->id;
}

Outcome list(Context& context) {
  const Wanted wanted = TRY(read_wanted(context, false));
  const bool minor = context.args.has("--minor");
  const bool refused = context.args.has("--refused");
  const auto client = TRY(connect(context, Deadline::streaming));
  ClusterNames names(*client, wanted.freshness);
  const std::optional<Id> account = TRY(account_of(context, names));
  Table table({"OFFSET", "TIME", "ID", "STATUS", "DEBIT", "CREDIT", "AMOUNT", "ASSET", "MEMO"});
  const auto render = [&](const DecidedRecord& record) -> Checked<std::optional<std::string>> {
    const RecordView view = view_record(record.bytes);
    if (view.kind != static_cast<uint8_t>(Kind::transact) || record.duplicate) return std::nullopt;
    if (!record.counts() && !refused) return std::nullopt;
    TxRow row = tx_row(record);
    const auto touches = [&](const book::Leg& leg) {
      return leg.debit == *account || leg.credit == *account;
    };
    if (account && std::ranges::none_of(row.legs, touches)) return std::nullopt;
    if (context.json()) {
      row.as_of = record.as_of;
      return tx_json(row, names, minor) + "\n";
    }
    std::string cells;
    for (const auto& line : tx_cells(row, names, minor)) {
      for (const std::string& cell : line) cells += cell + '\0';
    }
    return cells;
  };
  if (context.json()) return stream_records(context, *client, wanted, true, render);
  // A table is aligned as a whole, so its rows are collected first.
  for (const std::string& cells : TRY(collect_records(*client, wanted, true, render))) {
    std::vector<std::string> line;
    for (size_t begin = 0; begin < cells.size();) {
      const size_t end = cells.find('\0', begin);
      line.push_back(cells.substr(begin, end - begin));
      begin = end + 1;
      if (line.size() == 9) table.add(std::exchange(line, {}));
    }
  }
  TRY(context.out.print(table.text(context.out.width())));
  return 0;
}

Command post_command() {
  return {
      .path = "tx post",
      .summary = "Post a transaction, or many from standard input",
      .synopsis =
          "(--from ACC --to ACC | --debit ACC --credit ACC) --amount A [FLAGS] | "
          "- [--stop-on-refusal] [--window N] [--minor]",
      .examples = {"ledgerctl tx post --from liabilities:alice --to liabilities:bob --amount 12.50 "
                   "--memo lunch",
                   "ledgerctl tx post --debit assets:bank --credit liabilities:alice --amount 100",
                   "ledgerctl tx post - < january.jsonl"},
      .flags = {{"--from", "ACC", "account that decreases; of the same normal side as --to"},
                {"--to", "ACC", "account that increases"},
                {"--debit", "ACC", "account to debit"},
                {"--credit", "ACC", "account to credit"},
                {"--amount", "AMOUNT", "how much, above zero"},
                {"--asset", "CODE", "only asserts what the accounts are in"},
                {"--memo", "TEXT", "at most 256 bytes"},
                {"--meta", "JSON", "an object that is kept with the transaction"},
                {"--effective", "TIME", "business date (default: when it is recorded)"},
                {"--id", "UUID", "id of the transaction, to repeat it safely"},
                {"--expect-offset", "N", "apply it at this offset or not at all"},
                {"--minor", "", "amounts in minor units, read and printed"},
                {"--stop-on-refusal", "", "with -: end at the first refusal"},
                {"--window", "N", "with -: transactions under way at once (default 64)"}},
      .arguments = {"-", 0, 1},
      .exits = {{1, "refused by the ledger: insufficient_funds, … (with -: at least one)"},
                {65, "with -: bad_input, a malformed line; everything before it was answered"},
                {66, "no_such_account"},
                {75, "the outcome is unknown: repeat with the same --id"}},
      .notes =
          "ACC is an account's name or id. Prints the id if the transaction was accepted, nothing\n"
          "if it was refused. Without --id one is made and noted on standard error before it is\n"
          "sent, so that it can be repeated.\n\n"
          "With - each line is a JSON object, see ledgerctl-json(5); printed is 'ID OFFSET "
          "VERDICT'\n"
          "for each line in order. Refusals do not stop the run, a malformed line does.",
      .run = tx_post};
}

}  // namespace

Noun tx_noun() {
  return {"tx",
          "Post and show transactions",
          {post_command(),
           {.path = "tx show",
            .summary = "Show a transaction, or why it was refused",
            .synopsis = "ID [--at-least OFFSET | --stale] [--minor]",
            .examples = {"ledgerctl tx show 0192f0c4-7a10-7c00-8000-4b5a5e9d1c01",
                         "ledgerctl tx show 0192f0c4-7a10-7c00-8000-4b5a5e9d1c01 -o json | jq "
                         ".legs"},
            .flags = with_read_flags({{"--minor", "", "amounts in minor units"}}),
            .arguments = {"ID", 1, 1},
            .exits = {{66, "no_such_tx"}},
            .run = show},
           {.path = "tx list",
            .summary = "List transactions by offset, a line for each leg",
            .synopsis = "[--account ACC] [--from POS] [--to POS] [-n N] [--last N] [--refused] "
                        "[--at-least OFFSET | --stale] [--minor]",
            .examples = {"ledgerctl tx list --account liabilities:alice --last 5",
                         "ledgerctl tx list -o json | jq -r '[.offset, .memo] | @tsv'"},
            .flags = with_read_flags({{"--account", "ACC", "only those that touch this account"},
                                      {"--from", "POS", "first position (default start)"},
                                      {"--to", "POS", "position after the last one (default end)"},
                                      {"-n", "N", "at most N transactions"},
                                      {"--last", "N", "the last N transactions"},
                                      {"--refused", "", "also refused ones"},
                                      {"--minor", "", "amounts in minor units"}}),
            .exits = {{66, "no_such_account, out_of_range"}},
            .deadline = Deadline::streaming,
            .run = list}}};
}

}  // namespace ledger::cli
