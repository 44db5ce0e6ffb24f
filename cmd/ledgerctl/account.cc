// ledgerctl account: open and show accounts.
#include <fmt/format.h>

#include "base/record.h"
#include "base/time.h"
#include "book/book.h"
#include "book/text.h"
#include "cli/json.h"
#include "cli/text.h"
#include "cluster.h"
#include "nouns.h"
#include "tx_input.h"

namespace ledger::cli {
namespace {

/// An account with what is needed to print it.
struct Shown {
  book::AccountRow row;
  std::string meta;
  unsigned scale = 0;
  Offset as_of;
  bool duplicate = false;
};

std::optional<std::string> limit(const std::optional<Int128>& value, unsigned scale) {
  return value ? std::optional(format_amount(*value, scale)) : std::nullopt;
}

std::string account_json(const Shown& shown) {
  const book::AccountRow& row = shown.row;
  json::Object object("account");
  object.add("id", row.account.account)
      .add("name", row.account.name)
      .add("asset", row.account.asset)
      .add("account_kind", name(row.account.kind))
      .add("floor", limit(row.account.floor, shown.scale))
      .add("ceiling", limit(row.account.ceiling, shown.scale))
      .add("closed", row.closed)
      .add("posted", format_amount(row.posted(), shown.scale))
      .add("available", format_amount(row.available(), shown.scale))
      .add("incoming", format_amount(row.incoming(), shown.scale))
      .add("outgoing", format_amount(row.outgoing(), shown.scale))
      .add("version", row.version)
      .add("opened_at", row.opened_at);
  if (!shown.meta.empty()) object.add_json("meta", shown.meta);
  object.add("as_of_offset", shown.as_of);
  if (shown.duplicate) object.add("duplicate", true);
  return object.text();
}

// ---- account open ----

/// The kind that the name stands for, which `--kind` may repeat.
Result<book::AccountKind> kind_of(const Context& context, std::string_view name) {
  const std::optional<std::string> given = context.args.value("--kind");
  const std::optional<book::AccountKind> kind = book::kind_of_name(name);
  if (given) TRY(parse_choice("--kind", *given, "asset|liability|equity|income|expense"));
  if (!kind || !book::is_account_name(name)) {
    return fail(Code::invalid_name,
                fmt::format("'{}' is no account name", escaped(name, Escape::line)),
                "1 to 8 parts of a-z, 0-9 and - joined by ':', the first one of assets, "
                "liabilities, equity, income, expenses");
  }
  if (given && *given != book::name(*kind)) {
    return fail(Code::invalid_name,
                fmt::format("{} is of kind {}, not {}", name, book::name(*kind), *given),
                "leave --kind out: the first part of the name says it");
  }
  return *kind;
}

Checked<std::optional<Int128>> limit_of(const Context& context, std::string_view flag,
                                        const std::string& asset, std::optional<unsigned> scale) {
  const std::optional<std::string> text = context.args.value(flag);
  if (!text) return std::nullopt;
  if (!scale) {
    return fail(Code::invalid_amount,
                fmt::format("{}: asset {} is not defined, so its decimals are not known", flag,
                            escaped(asset, Escape::line)),
                fmt::format("ledgerctl asset define {} --scale N", asset));
  }
  const std::optional<Int128> value = parse_amount(*text, *scale);
  if (!value) {
    return fail(Code::invalid_amount,
                fmt::format("{}: '{}' is no amount of {}, which has {} decimals", flag,
                            escaped(*text, Escape::line), asset, *scale),
                "digits, with a point before decimals, '-' in front of negatives");
  }
  return value;
}

/// How the account that has the name differs from the one asked for, if the ledger's own sentence
/// does not say it: `account liabilities:alice exists with floor 0.00`.
std::string taken_sentence(const book::Account& existing, const book::Account& asked,
                           unsigned scale) {
  const std::string account = fmt::format("account {} exists", existing.name);
  const auto with = [&](std::string_view what, const std::optional<Int128>& value) {
    return value ? fmt::format("{} with {} {}", account, what, format_amount(*value, scale))
                 : fmt::format("{} without {}", account, what);
  };
  if (existing.asset != asked.asset) return fmt::format("{} in {}", account, existing.asset);
  if (existing.floor != asked.floor) return with("floor", existing.floor);
  if (existing.ceiling != asked.ceiling) return with("ceiling", existing.ceiling);
  return fmt::format("{} with id {}", account, existing.account.text());
}

bool same_account(const book::Account& a, const book::Account& b) {
  return a.name == b.name && a.asset == b.asset && a.kind == b.kind && a.floor == b.floor &&
         a.ceiling == b.ceiling;
}

Result<void> check_account(const book::Account& account, const std::string& meta) {
  if (meta.size() > meta_bytes_max) {
    return fail(Code::too_large,
                fmt::format("meta of {} bytes, at most {}", meta.size(), meta_bytes_max),
                "keep large documents elsewhere, and their names here");
  }
  std::string packed;
  const std::string body = encode(account);
  encode_record(packed, {.id = account.account, .kind = Kind::account, .body = body, .meta = meta});
  Cursor cursor(packed);
  const auto refused = book::check(view_record(*take_record(cursor)), book::rules_newest);
  if (refused) {
    return fail(refused->code, refused->message, "see ledger(7) for what an account may be");
  }
  return {};
}

Outcome print_opened(Context& context, const Shown& shown) {
  TRY(context.out.line(context.json() ? account_json(shown) : shown.row.account.account.text()));
  return 0;
}

Outcome open(Context& context) {
  book::Account account;
  account.name = context.args.arguments()[0];
  account.kind = TRY(kind_of(context, account.name));
  const std::optional<std::string> asset = context.args.value("--asset");
  if (!asset) {
    return fail(Code::usage, "'account open' needs --asset", "write --asset CODE");
  }
  account.asset = *asset;
  if (!book::is_asset_code(account.asset)) {
    return fail(Code::invalid_name,
                fmt::format("--asset: '{}' is no asset code", escaped(account.asset, Escape::line)),
                "1 to 16 of A-Z and 0-9, a letter first");
  }
  const std::optional<std::string> id_text = context.args.value("--id");
  account.account = id_text ? TRY(parse_uuid("--id", *id_text)) : IdMaker().make();
  const std::optional<std::string> meta_text = context.args.value("--meta");
  const std::string meta = meta_text ? TRY(read_meta(*meta_text)) : "";

  const auto client = TRY(connect(context, Deadline::ordinary));
  ClusterNames names(*client, {});
  const std::optional<unsigned> scale = TRY(names.scale(account.asset));
  account.floor = TRY(limit_of(context, "--floor", account.asset, scale));
  account.ceiling = TRY(limit_of(context, "--ceiling", account.asset, scale));
  TRY(check_account(account, meta));

  auto existing = client->account(account.name, {});
  if (!existing && existing.error().code != Code::no_such_account) {
    return tl::unexpected(with_tried(std::move(existing).error(), *client));
  }
  if (existing && same_account(existing->value.row.account, account) &&
      (!id_text || existing->value.row.account.account == account.account)) {
    note_duplicate(context, existing->value.row.opened);
    return print_opened(context, {existing->value.row, existing->value.meta, scale.value_or(0),
                                  existing->as_of, true});
  }
  rpc::Command command{.id = account.account, .meta = meta, .body = account};
  command.valid_until = TRY(ValidUntil::ask(context, *client, Deadline::ordinary)).now();
  const book::Decision decision = TRY(post_one(*client, std::move(command)));
  if (decision.verdict.code != book::Code::ok) {
    Failure failure = refusal(decision, Kind::account, names);
    if (existing && decision.verdict.code == book::Code::name_taken) {
      const book::Account& first = existing->value.row.account;
      failure.message = taken_sentence(first, account, TRY(names.scale(first.asset)).value_or(0));
    }
    failure.hint = existing ? fmt::format("see 'ledgerctl account show {}'", account.name)
                            : "see 'ledgerctl account list' and 'ledgerctl asset list'";
    return tl::unexpected(std::move(failure));
  }
  if (decision.verdict.duplicate) {
    note_duplicate(context, decision.offset);
    const auto now = TRY(asked(*client, client->account(account.account, {})));
    return print_opened(context,
                        {now.value.row, now.value.meta, scale.value_or(0), now.as_of, true});
  }
  Shown shown;
  shown.meta = meta;
  shown.scale = scale.value_or(0);
  shown.as_of = decision.offset + 1;
  shown.row.account = account;
  shown.row.opened_at = decision.recorded;
  return print_opened(context, shown);
}

// ---- account show, account list ----

Outcome show(Context& context) {
  const rpc::Freshness freshness = TRY(read_freshness(context));
  const std::string& text = context.args.arguments()[0];
  const auto client = TRY(connect(context, Deadline::ordinary));
  ClusterNames names(*client, freshness);
  const std::optional<Id> id = parse_id(text);
  auto answer = id ? client->account(*id, freshness) : client->account(text, freshness);
  if (!answer) {
    if (answer.error().code == Code::no_such_account) {
      return fail(Code::no_such_account,
                  fmt::format("no account '{}'", escaped(text, Escape::line)),
                  "see 'ledgerctl account list'");
    }
    return tl::unexpected(with_tried(std::move(answer).error(), *client));
  }
  const unsigned scale = context.args.has("--minor")
                             ? 0
                             : TRY(names.scale(answer->value.row.account.asset)).value_or(0);
  const Shown shown{answer->value.row, answer->value.meta, scale, answer->as_of};
  if (context.json()) {
    TRY(context.out.line(account_json(shown)));
    return 0;
  }
  const book::AccountRow& row = shown.row;
  TRY(context.out.print(name_values({{"name", row.account.name},
                                     {"id", row.account.account.text()},
                                     {"asset", row.account.asset},
                                     {"kind", std::string(name(row.account.kind))},
                                     {"posted", format_amount(row.posted(), scale)},
                                     {"available", format_amount(row.available(), scale)},
                                     {"incoming", format_amount(row.incoming(), scale)},
                                     {"outgoing", format_amount(row.outgoing(), scale)},
                                     {"floor", limit(row.account.floor, scale).value_or("")},
                                     {"ceiling", limit(row.account.ceiling, scale).value_or("")},
                                     {"version", std::to_string(row.version)},
                                     {"closed", row.closed ? "yes" : "no"},
                                     {"as of offset", std::to_string(shown.as_of.value)}})));
  return 0;
}

Outcome list(Context& context) {
  const rpc::Freshness freshness = TRY(read_freshness(context));
  const std::string prefix = context.args.arguments().empty() ? "" : context.args.arguments()[0];
  const std::optional<std::string> asset = context.args.value("--asset");
  const auto client = TRY(connect(context, Deadline::ordinary));
  ClusterNames names(*client, freshness);
  const auto answer =
      TRY(asked(*client, client->accounts(prefix, context.args.has("--nonzero"), freshness)));
  Table table({"NAME", "ASSET", "KIND", "POSTED", "AVAILABLE", "VERSION", "STATE"});
  for (const book::AccountRow& row : answer.value) {
    if (asset && row.account.asset != *asset) continue;
    const unsigned scale =
        context.args.has("--minor") ? 0 : TRY(names.scale(row.account.asset)).value_or(0);
    if (context.json()) {
      TRY(context.out.line(account_json({row, "", scale, answer.as_of})));
      continue;
    }
    table.add({row.account.name, row.account.asset, std::string(name(row.account.kind)),
               format_amount(row.posted(), scale), format_amount(row.available(), scale),
               std::to_string(row.version), row.closed ? "closed" : "open"});
  }
  if (!context.json()) TRY(context.out.print(table.text(context.out.width())));
  return 0;
}

}  // namespace

Noun account_noun() {
  return {
      "account",
      "Open and show accounts",
      {{.path = "account open",
        .summary = "Open an account",
        .synopsis = "NAME --asset CODE [--kind KIND] [--floor AMOUNT] [--ceiling AMOUNT] "
                    "[--meta JSON] [--id UUID]",
        .examples = {"ledgerctl account open assets:bank --asset USD",
                     "ledgerctl account open liabilities:alice --asset USD --floor 0"},
        .flags = {{"--asset", "CODE", "what the account holds"},
                  {"--kind", "asset|liability|equity|income|expense",
                   "only asserts what the first part of NAME says"},
                  {"--floor", "AMOUNT", "lowest balance allowed, holds included; 0: no overdraft"},
                  {"--ceiling", "AMOUNT", "highest balance allowed"},
                  {"--meta", "JSON", "an object that is kept with the account"},
                  {"--id", "UUID", "id of the account and of the record"}},
        .arguments = {"NAME", 1, 1},
        .exits = {{1, "name_taken, account_exists, asset_not_found: the ledger refused"},
                  {75, "the outcome is unknown: repeat with the same --id"}},
        .notes = "The same name, asset and limits again write nothing, print the existing id and\n"
                 "exit 0.",
        .run = open},
       {.path = "account show",
        .summary = "Show one account with its balances",
        .synopsis = "NAME|ID [--at-least OFFSET | --stale] [--minor]",
        .examples = {"ledgerctl account show liabilities:alice",
                     "ledgerctl account show liabilities:alice -o json | jq -r .available"},
        .flags = with_read_flags({{"--minor", "", "amounts in minor units"}}),
        .arguments = {"NAME or ID", 1, 1},
        .exits = {{66, "no_such_account"}},
        .run = show},
       {.path = "account list",
        .summary = "List accounts by name, all as of one offset",
        .synopsis = "[PREFIX] [--asset CODE] [--nonzero] [--at-least OFFSET | --stale] [--minor]",
        .examples = {"ledgerctl account list", "ledgerctl account list liabilities --nonzero"},
        .flags = with_read_flags({{"--asset", "CODE", "only accounts of this asset"},
                                  {"--nonzero", "", "only accounts with a balance"},
                                  {"--minor", "", "amounts in minor units"}}),
        .arguments = {"PREFIX", 0, 1},
        .notes = "PREFIX is the leading parts of names: liabilities, assets:bank.",
        .run = list}}};
}

}  // namespace ledger::cli
