// ledgerctl log: append records, and read them.
#include <fmt/format.h>

#include "cli/json.h"
#include "cli/text.h"
#include "log_commands.h"
#include "nouns.h"
#include "roster.h"

namespace ledger::cli {
namespace {

std::string hex(const book::Digest& digest) {
  std::string text;
  for (const uint8_t byte : digest) text += fmt::format("{:02x}", byte);
  return text;
}

std::string status_json(const Roster::One& one) {
  const Result<rpc::NodeStatus>& answer = one.status;
  json::Object object("log_status");
  object.add("ok", answer.has_value()).add("node", one.member.name);
  if (!answer) {
    for (const char* key : {"first_offset", "next_offset", "committed", "applied", "term",
                            "segments", "bytes", "state_digest"}) {
      object.add_json(key, "null");
    }
    return object.add_json("error", error_json(answer.error())).text();
  }
  const rpc::NodeStatus& status = *answer;
  object.add("first_offset", status.first_offset)
      .add("next_offset", status.next_offset)
      .add("committed", status.committed)
      .add("applied", status.applied)
      .add("term", status.term)
      .add("segments", status.segments)
      .add("bytes", status.bytes);
  object.add("state_digest",
             status.digest ? std::optional(hex(*status.digest)) : std::optional<std::string>());
  return object.text();
}

Outcome status(Context& context) {
  const auto client = TRY(connect(context, Deadline::ordinary));
  Table table({"NODE", "FIRST", "NEXT", "COMMITTED", "APPLIED", "TERM", "SEGMENTS", "BYTES"});
  const Roster roster = TRY(call_roll(*client));
  for (const Roster::One& one : roster.all) {
    const Result<rpc::NodeStatus>& answer = one.status;
    if (context.json()) {
      TRY(context.out.line(status_json(one)));
      continue;
    }
    if (!answer) {
      table.add({one.member.name, "", "", "", "", "", "", ""});
      context.report.note(fmt::format("{}: {}", one.member.name, answer.error().message));
      continue;
    }
    const auto number = [](uint64_t value) { return std::to_string(value); };
    table.add({one.member.name, number(answer->first_offset.value),
               number(answer->next_offset.value), number(answer->committed.value),
               number(answer->applied.value), number(answer->term.value), number(answer->segments),
               number(answer->bytes)});
  }
  if (!context.json()) TRY(context.out.print(table.text(context.out.width())));
  return 0;
}

Command append_command() {
  return {
      .path = "log append",
      .summary = "Append records to the log",
      .synopsis =
          "[VALUE | -] [--input lines|nul|json|whole] [--id UUID] [--expect-offset N] "
          "[--window N]",
      .examples = {"ledgerctl log append hello",
                   "seq 1000 | ledgerctl log append -o json | tail -1",
                   "ledgerctl log read --type raw -o json | ledgerctl log append --input json "
                   "-e other:17400"},
      .flags = {{"--input", "lines|nul|json|whole",
                 "what stdin holds: a record a line (default), per NUL-ended string, objects as "
                 "log read prints them, or one record"},
                {"--id", "UUID", "id of a single record, to repeat it safely"},
                {"--expect-offset", "N", "append a single record at this offset or not at all"},
                {"--window", "N", "records under way at once (default 16384, at most 65536)"}},
      .arguments = {"VALUE", 0, 1},
      .exits = {{1, "offset_mismatch, id_conflict: refused by the ledger"},
                {65, "bad_input: a malformed line; everything before it was answered"},
                {75, "the outcome is unknown: repeat with the same ids"}},
      .notes =
          "Without VALUE, or with -, records come from standard input. An empty VALUE is an\n"
          "empty record. Only raw records are appended: money enters by asset, account and "
          "tx.\n\n"
          "Prints one offset per acknowledged record, in input order, as soon as it is known.\n"
          "A reader that goes away (| head -1) ends the program in the middle of writing; with\n"
          "--input json and ids a repeat is safe.",
      .deadline = Deadline::streaming,
      .run = log_append};
}

Command read_command() {
  return {.path = "log read",
          .summary = "Read records, with what was decided about them",
          .synopsis =
              "[--from POS] [--to POS] [-n N] [--last N] [-f] [--type T,…] "
              "[--decode auto|tx|raw] [--values] [-0] [--refused] "
              "[--at-least OFFSET | --stale]",
          .examples = {"ledgerctl log read --last 10",
                       "ledgerctl log read --from @-1h --type transact -o json",
                       "ledgerctl log read -f --values"},
          .flags = with_read_flags(
              {{"--from", "POS", "first position (default start)"},
               {"--to", "POS", "position after the last one (default end)"},
               {"-n", "N", "at most N records"},
               {"--last", "N", "the last N records"},
               {"--follow", "", "go on with what is appended; SIGINT and SIGTERM exit 0", 'f'},
               {"--type", "T,…", "only these: raw, asset, account, transact", 0, true},
               {"--decode", "auto|tx|raw",
                "auto: money records readable; tx: only transactions, as tx list shows them; raw: "
                "bytes"},
               {"--values", "", "the bytes of each record and a newline"},
               {"-0", "", "the bytes of each record and a NUL"},
               {"--refused", "", "also refused raw records, and every verdict"}}),
          .exits = {{66, "out_of_range: no such offset"}},
          .notes =
              "Refused raw records are left out unless --refused is given, so offsets may skip.\n"
              "POS is an offset, start, end, -N (N before the end) or @TIME.",
          .deadline = Deadline::streaming,
          .run = log_read};
}

Command tail_command() {
  return {.path = "log tail",
          .summary = "Read the last records, and go on with -f",
          .synopsis = "[-n N] [-f] [--decode auto|tx|raw] [--values] [-0]",
          .examples = {"ledgerctl log tail",
                       "ledgerctl log tail -f --decode tx -o json | jq --unbuffered -c "
                       "'select(.verdict!=\"ok\")'"},
          .flags = {{"-n", "N", "so many (default 10)"},
                    {"--follow", "", "go on with what is appended; SIGINT and SIGTERM exit 0", 'f'},
                    {"--decode", "auto|tx|raw", "as for log read"},
                    {"--values", "", "the bytes of each record and a newline"},
                    {"-0", "", "the bytes of each record and a NUL"}},
          .deadline = Deadline::streaming,
          .run = log_tail};
}

}  // namespace

Noun log_noun() {
  return {"log",
          "Append records to the log, and read them",
          {append_command(),
           read_command(),
           tail_command(),
           {.path = "log status",
            .summary = "Say how far the log of each member goes",
            .synopsis = "",
            .examples = {"ledgerctl log status",
                         "ledgerctl log status -o json | jq -s 'map(.applied) | unique'"},
            .notes = "One row per member, also for those that do not answer.",
            .run = status}}};
}

}  // namespace ledger::cli
