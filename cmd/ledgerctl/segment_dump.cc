// ledgerctl segment dump: the records of a log, as log read shows them.
#include "segment_dump.h"

#include <fmt/format.h>

#include "cli/values.h"
#include "io/system_clock.h"
#include "log_commands.h"
#include "raft/configuration.h"
#include "record_row.h"
#include "tx_row.h"

namespace ledger::cli {
namespace {

struct Wish {
  Position from{.kind = Position::Kind::start};
  Position to{.kind = Position::Kind::end};
  uint64_t count_max = UINT64_MAX;
  bool all = false;
  bool position = false;
  bool decode = true;
  bool as_tx = false;
  RecordPrinter::Form form = RecordPrinter::Form::text;
};

Checked<Wish> read_wish(const Context& context) {
  Wish wish;
  const Args& args = context.args;
  const Time now = io::SystemClock().wall();
  if (const auto text = args.value("--from")) {
    wish.from = TRY(parse_position("--from", *text, now));
  }
  if (const auto text = args.value("--to")) wish.to = TRY(parse_position("--to", *text, now));
  if (const auto text = args.value("-n")) wish.count_max = TRY(parse_count("-n", *text));
  wish.all = args.has("--all");
  wish.position = args.has("--position");
  wish.form = TRY(form_of(context));
  const std::string decode =
      TRY(parse_choice("--decode", args.value("--decode").value_or("auto"), "auto|tx|raw"));
  wish.decode = decode != "raw";
  wish.as_tx = decode == "tx";
  return wish;
}

/// The exclusive end of what a scan with these wishes gives.
Result<Offset> readable_end(const LogPath& path, bool all) {
  log::Scan scan = TRY(open_scan(path, all));
  if (path.is_file() || all || is_single_voter(scan.configuration())) return scan.next_offset();
  if (scan.next_offset().value > 0) scan.seek(scan.next_offset() - 1);
  while (true) {
    const auto item = scan.next();
    if (!item || !*item) return scan.tip().next_offset;
  }
}

/// Where a position lies, as far as it does not depend on the records: a time is compared as they
/// come.
Result<Offset> bound(const LogPath& path, const Wish& wish, const Position& position) {
  using Kind = Position::Kind;
  if (position.kind == Kind::offset) return Offset(position.number);
  if (position.kind == Kind::start || position.kind == Kind::time) return Offset(0);
  const Offset end = TRY(readable_end(path, wish.all));
  return end - std::min(end.value, position.number);
}

class Dump {
 public:
  Dump(Context& context, const Wish& wish, const LogPath& path)
      : context_(context), wish_(wish), path_(path), printer_(wish.form, wish.decode) {}

  Outcome run() {
    from_ = TRY(bound(path_, wish_, wish_.from));
    if (wish_.to.kind != Position::Kind::end && wish_.to.kind != Position::Kind::time) {
      to_ = TRY(bound(path_, wish_, wish_.to));
    }
    log::Scan scan = TRY(open_scan(path_, wish_.all));
    if (from_ > scan.next_offset()) {
      return fail(Code::out_of_range,
                  fmt::format("offset {} is past the end (next is {})", from_.value,
                              scan.next_offset().value),
                  fmt::format("the log holds 0 to {}", scan.next_offset().value));
    }
    // Names and decimals come from the records before, so transactions need them all.
    if (!wish_.as_tx) scan.seek(from_);
    bool ended = false;
    while (!done_ && !ended) {
      const auto item = TRY(scan.next());
      ended = !item;
      if (item) TRY(show(*item));
    }
    TRY(context_.out.flush());
    note_rest(scan);
    if (ended && scan.survey().tail && scan.survey().tail->torn && !path_.running) {
      return tl::unexpected(torn_failure(path_, *scan.survey().tail->torn));
    }
    return 0;
  }

 private:
  Checked<void> show(const log::Scan::Item& item) {
    const Entry& entry = item.entry;
    RecordRow row{.index = entry.index,
                  .uncommitted = wish_.all && item.uncommitted,
                  .term = entry.term,
                  .recorded = entry.recorded};
    if (wish_.position) {
      row.path = path_.shown(item.path);
      row.position = item.position;
    }
    if (entry.kind != EntryKind::records) {
      if (!wish_.all || wish_.as_tx || entry.base_offset < from_ ||
          is_past(entry.base_offset, entry.recorded)) {
        return {};
      }
      row.own = entry.kind == EntryKind::noop ? "noop" : "membership";
      row.record = entry.bytes();
      return print(printer_.print(row));
    }
    Cursor cursor(entry.bytes());
    for (uint32_t i = 0; i < entry.record_count && !done_; ++i) {
      const std::optional<Bytes> bytes = take_record(cursor);
      if (!bytes) {
        return fail(Code::corrupt_segment,
                    fmt::format("{}: entry {}: the records do not fit it", path_.shown(item.path),
                                entry.index.value),
                    "ledgerctl segment verify " + path_.given);
      }
      row.offset = entry.base_offset + i;
      row.recorded = Time{entry.recorded.ns + i};
      row.record = *bytes;
      TRY(show_record(row));
    }
    next_ = entry.next_offset();
    return {};
  }

  Checked<void> show_record(const RecordRow& row) {
    const RecordView record = view_record(row.record);
    if (wish_.as_tx) names_.take(record);
    if (is_past(*row.offset, row.recorded)) {
      done_ = true;
      return {};
    }
    const bool before = *row.offset < from_ ||
                        (wish_.from.kind == Position::Kind::time && row.recorded < wish_.from.time);
    if (before) return {};
    if (!wish_.as_tx) return print(printer_.print(row));
    if (record.kind != static_cast<uint8_t>(Kind::transact)) return {};
    const DecidedRecord decided{.offset = *row.offset,
                                .recorded = row.recorded,
                                .term = row.term,
                                .bytes = row.record,
                                .as_of = {}};
    TxRow tx = tx_row(decided);
    tx.decided = false;
    return print(context_.json() ? tx_json(tx, names_, false) + "\n" : tx_lines(tx, names_));
  }

  bool is_past(Offset offset, Time recorded) const {
    return (to_ && offset >= *to_) ||
           (wish_.to.kind == Position::Kind::time && recorded >= wish_.to.time);
  }

  Checked<void> print(const std::string& text) {
    if (shown_ == wish_.count_max) {
      done_ = true;
      return {};
    }
    TRY(context_.out.print(text));
    if (++shown_ == wish_.count_max) done_ = true;
    return {};
  }

  void note_rest(const log::Scan& scan) {
    note_running(context_, path_, next_);
    if (wish_.all || done_ || path_.is_file() || is_single_voter(scan.configuration())) return;
    const uint64_t beyond = scan.next_offset().value - std::min(next_, scan.next_offset()).value;
    if (beyond > 0) {
      context_.report.note(
          fmt::format("{} records lie beyond the stored commit index: --all shows them", beyond));
    }
  }

  Context& context_;
  const Wish& wish_;
  const LogPath& path_;
  const RecordPrinter printer_;
  LogNames names_;
  Offset from_;
  std::optional<Offset> to_;
  Offset next_;  ///< After the last record that was read.
  uint64_t shown_ = 0;
  bool done_ = false;
};

Outcome dump(Context& context) {
  const Wish wish = TRY(read_wish(context));
  if (wish.count_max == 0) return 0;
  for (const std::string& given : context.args.arguments()) {
    const LogPath path = TRY(open_path(given));
    const Outcome dumped = Dump(context, wish, path).run();
    if (!dumped) return tl::unexpected(located(path, dumped.error()));
  }
  return 0;
}

}  // namespace

Command dump_command() {
  return {
      .path = "segment dump",
      .summary = "Print the records of a log, without verdicts",
      .synopsis =
          "PATH… [--from POS] [--to POS] [-n N] [--decode auto|tx|raw] [--position] "
          "[--all] [--values] [-0]",
      .examples = {"ledgerctl segment dump ./n1 --from 1180 -n 10 --position",
                   "ledgerctl segment dump ./n1 --all -o json | jq -c 'select(.type==\"raft\")'"},
      .flags = {{"--from", "POS", "first position (default start)"},
                {"--to", "POS", "position after the last one (default end)"},
                {"-n", "N", "at most N of each PATH"},
                {"--decode", "auto|tx|raw", "as for log read"},
                {"--position", "", "also the file, and where in it the entry stands"},
                {"--all", "", "also consensus' own entries, and what is not known as committed"},
                {"--values", "", "the bytes of each record and a newline"},
                {"-0", "", "the bytes of each record and a NUL"}},
      .arguments = {"PATH", 1, SIZE_MAX},
      .exits = {{1, "torn_tail: all whole records were printed"},
                {65, "corrupt_segment, offset_gap: all good records before it were printed"},
                {66, "no such file, or no log there; out_of_range"},
                {77, "a file may not be read"}},
      .notes =
          "It ends at the stored commit index; a single voter's log at the last whole record.\n"
          "Verdicts need the whole history: see ledgerctl replay run --data-dir.",
      .target = Target::none,
      .deadline = Deadline::none,
      .run = dump};
}

}  // namespace ledger::cli
