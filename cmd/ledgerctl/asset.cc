// ledgerctl asset: currencies and other units.
#include <fmt/format.h>

#include "base/record.h"
#include "book/book.h"
#include "cli/json.h"
#include "cli/text.h"
#include "cluster.h"
#include "nouns.h"

namespace ledger::cli {
namespace {

/// Flags are wrong before anybody is asked.
Result<void> check_asset(const Id& id, const book::Asset& asset) {
  std::string packed;
  const std::string body = encode(asset);
  encode_record(packed, {.id = id, .kind = Kind::asset, .body = body});
  Cursor cursor(packed);
  const auto refused = book::check(view_record(*take_record(cursor)), book::rules_newest);
  if (refused) {
    return fail(refused->code, refused->message,
                "CODE is 1 to 16 of A-Z and 0-9, a letter first; --scale is 0 to 18");
  }
  return {};
}

Outcome print_asset(Context& context, const book::Asset& asset, Offset offset, bool duplicate) {
  if (!context.json()) {
    TRY(context.out.line(asset.code));
    return 0;
  }
  json::Object object("asset");
  object.add("code", asset.code).add("scale", asset.scale).add("offset", offset);
  if (duplicate) object.add("duplicate", true);
  TRY(context.out.line(object.text()));
  return 0;
}

Outcome define(Context& context) {
  const std::optional<std::string> scale = context.args.value("--scale");
  if (!scale) {
    return fail(Code::usage, "'asset define' needs --scale",
                "write --scale N, the number of decimals, for ever");
  }
  const book::Asset asset{context.args.arguments()[0],
                          static_cast<uint32_t>(TRY(parse_count("--scale", *scale, UINT32_MAX)))};
  const std::optional<std::string> id_text = context.args.value("--id");
  const Id id = id_text ? TRY(parse_uuid("--id", *id_text)) : IdMaker().make();
  TRY(check_asset(id, asset));

  const auto client = TRY(connect(context, Deadline::ordinary));
  for (const book::AssetRow& row : TRY(asked(*client, client->assets({}))).value) {
    if (row.code != asset.code || row.scale != asset.scale) continue;
    note_duplicate(context, row.offset);
    return print_asset(context, asset, row.offset, true);
  }
  rpc::Command command{.id = id, .body = asset};
  command.valid_until = TRY(ValidUntil::ask(context, *client, Deadline::ordinary)).now();
  const book::Decision decision = TRY(post_one(*client, std::move(command)));
  if (decision.verdict.code != book::Code::ok) {
    ClusterNames names(*client, {});
    Failure failure = refusal(decision, Kind::asset, names);
    failure.hint = "see 'ledgerctl asset list'";
    return tl::unexpected(std::move(failure));
  }
  if (decision.verdict.duplicate) note_duplicate(context, decision.offset);
  return print_asset(context, asset, decision.offset, decision.verdict.duplicate);
}

Outcome list(Context& context) {
  const rpc::Freshness freshness = TRY(read_freshness(context));
  const auto client = TRY(connect(context, Deadline::ordinary));
  const auto answer = TRY(asked(*client, client->assets(freshness)));
  if (context.json()) {
    for (const book::AssetRow& row : answer.value) {
      TRY(context.out.line(json::Object("asset")
                               .add("code", row.code)
                               .add("scale", row.scale)
                               .add("offset", row.offset)
                               .add("as_of_offset", answer.as_of)
                               .text()));
    }
    return 0;
  }
  Table table({"CODE", "SCALE", "OFFSET"});
  for (const book::AssetRow& row : answer.value) {
    table.add({row.code, std::to_string(row.scale), std::to_string(row.offset.value)});
  }
  TRY(context.out.print(table.text(context.out.width())));
  return 0;
}

}  // namespace

Noun asset_noun() {
  return {
      "asset",
      "Define currencies and other units",
      {{.path = "asset define",
        .summary = "Define an asset with its number of decimals, for ever",
        .synopsis = "CODE --scale N [--id UUID]",
        .examples = {"ledgerctl asset define USD --scale 2",
                     "ledgerctl asset define JPY --scale 0"},
        .flags = {{"--scale", "N", "decimals, 0 to 18"},
                  {"--id", "UUID", "id of the record, to repeat a write whose outcome is unknown"}},
        .arguments = {"CODE", 1, 1},
        .exits = {{1, "asset_exists: the code is defined with another scale"},
                  {75, "the outcome is unknown: repeat with the same --id"}},
        .notes = "The same definition again writes nothing and exits 0.",
        .run = define},
       {.path = "asset list",
        .summary = "List the assets",
        .synopsis = "[--at-least OFFSET | --stale]",
        .examples = {"ledgerctl asset list", "ledgerctl asset list -o json | jq -r .code"},
        .flags = with_read_flags({}),
        .run = list}}};
}

}  // namespace ledger::cli
