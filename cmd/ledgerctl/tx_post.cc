// ledgerctl tx post: one transaction by flags.
#include <fmt/format.h>

#include "cli/json.h"
#include "cli/text.h"
#include "cluster.h"
#include "tx_commands.h"
#include "tx_input.h"
#include "tx_row.h"

namespace ledger::cli {
namespace {

Result<TxInput> input_of(const Context& context) {
  const Args& args = context.args;
  const bool by_sides = args.has("--from") || args.has("--to");
  const bool by_books = args.has("--debit") || args.has("--credit");
  const char* const* names = nullptr;
  static constexpr const char* sides[] = {"--from", "--to"};
  static constexpr const char* books[] = {"--debit", "--credit"};
  if (by_sides != by_books) names = by_sides ? sides : books;
  if (!names || !args.has(names[0]) || !args.has(names[1]) || !args.has("--amount")) {
    return fail(Code::usage,
                "'tx post' needs --from and --to, or --debit and --credit, and --amount",
                "ledgerctl tx post --from liabilities:alice --to liabilities:bob --amount 12.50");
  }
  TxInput input;
  input.legs.push_back({*args.value(names[0]), *args.value(names[1]), *args.value("--amount"),
                        by_sides, args.value("--asset").value_or("")});
  input.memo = args.value("--memo").value_or("");
  if (const auto text = args.value("--meta")) input.meta = TRY(read_meta(*text));
  if (const auto text = args.value("--effective")) {
    input.effective = TRY(parse_when("--effective", *text, io::SystemClock().wall()));
  }
  if (const auto text = args.value("--id")) input.id = TRY(parse_uuid("--id", *text));
  if (const auto text = args.value("--expect-offset")) {
    input.expect_offset = TRY(parse_offset("--expect-offset", *text));
  }
  return input;
}

/// The row of a decision about what was asked for.
TxRow row_of(const book::Decision& decision, const book::Transact& asked, const std::string& meta) {
  const std::string body = encode(asked);
  RecordView view;
  view.body = body;
  view.meta = meta;
  TxRow row = tx_row(decision, view);
  row.written = true;
  return row;
}

}  // namespace

Outcome tx_post(Context& context) {
  if (!context.args.arguments().empty()) {
    if (context.args.arguments()[0] == "-") return tx_post_lines(context);
    return fail(Code::usage,
                fmt::format("unexpected argument '{}' for 'tx post'",
                            escaped(context.args.arguments()[0], Escape::line)),
                "name the accounts by --from and --to, or write - for JSON Lines from stdin");
  }
  const bool minor = context.args.has("--minor");
  TxInput input = TRY(input_of(context));
  const auto client = TRY(connect(context, Deadline::ordinary));
  ClusterNames names(*client, {});
  const book::Transact transact = TRY(resolve(input, names, minor));
  const bool made = !input.id;
  const Id id = made ? IdMaker().make() : *input.id;
  rpc::Command command{
      .id = id, .expect_offset = input.expect_offset, .meta = input.meta, .body = transact};
  std::string packed;
  TRY(append_record(packed, input, id, transact, std::nullopt));  // Checks it.
  command.valid_until = TRY(ValidUntil::ask(context, *client, Deadline::ordinary)).now();
  // Before it is sent, so that whatever comes it can be repeated.
  if (made) context.report.note(fmt::format("id {}", id.text()));

  const book::Decision decision = TRY(post_one(*client, std::move(command)));
  const TxRow row = row_of(decision, transact, input.meta);
  if (decision.verdict.duplicate) note_duplicate(context, decision.offset);
  if (context.json()) TRY(context.out.line(tx_json(row, names, minor)));
  if (decision.verdict.code != book::Code::ok) {
    return tl::unexpected(refusal(row, names, minor));
  }
  if (!context.json()) TRY(context.out.line(id.text()));
  return 0;
}

}  // namespace ledger::cli
