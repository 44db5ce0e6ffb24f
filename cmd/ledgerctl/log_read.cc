// ledgerctl log read and log tail.
#include "log_read.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/signals.h"
#include "cli/text.h"
#include "log_commands.h"
#include "record_row.h"
#include "tx_row.h"

namespace ledger::cli {
namespace {

/// How often a stream that follows looks up for a signal.
constexpr Duration follow_patience = std::chrono::milliseconds(200);
/// A stream that does not follow is bounded by the client itself.
constexpr Duration bounded_patience = std::chrono::hours(24);

std::unique_ptr<rpc::Reader> open_reader(rpc::Client& client, const rpc::Range& range,
                                         bool details) {
  return details ? client.decisions(range, "") : client.read(range);
}

/// Where what was rendered goes.
using Sink = std::function<Result<void>(std::string)>;

/// Gives what `render` makes of a range to `sink`, at most so many.
Checked<void> render_range(rpc::Client& client, const rpc::Range& range, bool details,
                           const Render& render, uint64_t count_max, const Sink& sink,
                           const std::function<Result<void>()>& idle) {
  if (count_max == 0) return {};
  uint64_t left = count_max;
  const auto reader = open_reader(client, range, details);
  const Duration patience = range.follow ? follow_patience : bounded_patience;
  while (stop_signal() == 0) {
    const std::optional<book::Decided> decided = TRY(asked(client, reader->next(patience)));
    if (!decided) break;
    const auto visit = [&](const DecidedRecord& record) -> Checked<bool> {
      std::optional<std::string> text = TRY(render(record));
      if (!text) return true;
      TRY(sink(*std::move(text)));
      return --left > 0;
    };
    const bool more = TRY(each_record(*decided, visit));
    if (!more) break;
    if (range.follow) TRY(idle());
  }
  return {};
}

/// The last `count` that are printed of a range with an end, oldest first. What is left out makes
/// the way back longer, so it is gone in growing steps.
Checked<std::deque<std::string>> collect_last(rpc::Client& client, const rpc::Range& range,
                                              uint64_t count, bool details, const Render& render) {
  std::deque<std::string> found;
  uint64_t step = std::max<uint64_t>(count, 64);
  for (Offset high = *range.to; high > range.from && found.size() < count;) {
    const Offset low = high - std::min(step, high - range.from);
    std::deque<std::string> part;
    const auto reader = open_reader(
        client, {.from = low, .to = high, .follow = false, .freshness = range.freshness}, details);
    const auto visit = [&](const DecidedRecord& record) -> Checked<bool> {
      std::optional<std::string> text = TRY(render(record));
      if (text) part.push_back(*std::move(text));
      if (part.size() + found.size() > count) part.pop_front();
      return true;
    };
    while (true) {
      const auto decided = TRY(asked(client, reader->next(bounded_patience)));
      if (!decided) break;
      TRY(each_record(*decided, visit));
    }
    found.insert(found.begin(), std::make_move_iterator(part.begin()),
                 std::make_move_iterator(part.end()));
    high = low;
    step *= 4;
  }
  return found;
}

}  // namespace

Checked<Wanted> read_wanted(const Context& context, bool may_follow) {
  Wanted wanted;
  const Args& args = context.args;
  const Time now = io::SystemClock().wall();
  wanted.freshness = TRY(read_freshness(context));
  if (const auto text = args.value("--from")) {
    wanted.from = TRY(parse_position("--from", *text, now));
  }
  if (const auto text = args.value("--to")) wanted.to = TRY(parse_position("--to", *text, now));
  if (const auto text = args.value("-n")) wanted.count_max = TRY(parse_count("-n", *text));
  if (const auto text = args.value("--last")) wanted.last = TRY(parse_count("--last", *text));
  wanted.follow = may_follow && args.has("--follow");
  if (wanted.follow && wanted.to) {
    return fail(Code::usage, "-f and --to exclude each other", "keep one of them");
  }
  if (wanted.last && (wanted.from || wanted.count_max)) {
    return fail(Code::usage,
                fmt::format("--last and {} exclude each other", wanted.from ? "--from" : "-n"),
                "keep one of them");
  }
  return wanted;
}

namespace {

/// The range that is wanted, positions found.
Checked<rpc::Range> range_of(rpc::Client& client, const Wanted& wanted) {
  rpc::Range range{.from = Offset(0), .follow = wanted.follow, .freshness = wanted.freshness};
  if (wanted.from) range.from = TRY(place(client, wanted.freshness, *wanted.from));
  if (wanted.to) range.to = TRY(place(client, wanted.freshness, *wanted.to));
  if (range.to && *range.to < range.from) {
    return fail(Code::usage,
                fmt::format("--from {} lies after --to {}", range.from.value, range.to->value),
                "a range runs from its first record to the one after its last");
  }
  if (wanted.last && !range.to) range.to = TRY(asked(client, client.end(wanted.freshness)));
  return range;
}

}  // namespace

Outcome stream_records(Context& context, rpc::Client& client, const Wanted& wanted, bool details,
                       const Render& render) {
  Out& out = context.out;
  rpc::Range range = TRY(range_of(client, wanted));
  if (wanted.last) {
    for (const std::string& text :
         TRY(collect_last(client, range, *wanted.last, details, render))) {
      TRY(out.print(text));
    }
    if (!wanted.follow) return 0;
    range.from = *std::exchange(range.to, std::nullopt);
  }
  if (wanted.follow) {
    catch_stop_signals();
    TRY(out.flush());
  }
  // What follows is shown as it comes, a batch at a time.
  TRY(render_range(
      client, range, details, render, wanted.count_max.value_or(UINT64_MAX),
      [&](const std::string& text) { return out.print(text); }, [&] { return out.flush(); }));
  return 0;
}

Checked<std::deque<std::string>> collect_records(rpc::Client& client, const Wanted& wanted,
                                                 bool details, const Render& render) {
  const rpc::Range range = TRY(range_of(client, wanted));
  if (wanted.last) return collect_last(client, range, *wanted.last, details, render);
  std::deque<std::string> found;
  TRY(render_range(
      client, range, details, render, wanted.count_max.value_or(UINT64_MAX),
      [&](std::string text) -> Result<void> {
        found.push_back(std::move(text));
        return {};
      },
      []() -> Result<void> { return {}; }));
  return found;
}

namespace {

constexpr auto kinds = std::to_array<Kind>(
    {Kind::raw, Kind::asset, Kind::account, Kind::transact, Kind::settle, Kind::reverse,
     Kind::amend, Kind::annotate, Kind::period, Kind::tick, Kind::rules, Kind::redact});

/// What is shown, and how.
struct Look {
  RecordPrinter::Form form = RecordPrinter::Form::text;
  bool decode = true;
  bool as_tx = false;
  bool refused = false;
  uint32_t types = UINT32_MAX;  ///< A bit a kind.
};

Checked<Look> read_look(const Context& context, bool with_filters) {
  Look look;
  const Args& args = context.args;
  look.form = TRY(form_of(context));
  const std::string decode =
      TRY(parse_choice("--decode", args.value("--decode").value_or("auto"), "auto|tx|raw"));
  look.decode = decode != "raw";
  look.as_tx = decode == "tx";
  if (look.as_tx && (args.has("--values") || args.has("-0"))) {
    return fail(Code::usage,
                "--decode tx shows transactions, not bytes: it excludes --values and -0",
                "keep one of them");
  }
  if (!with_filters) return look;
  look.refused = args.has("--refused");
  if (!args.has("--type")) return look;
  look.types = 0;
  for (const std::string& text : args.values("--type")) {
    const auto kind =
        std::ranges::find(kinds, std::string_view(text), [](Kind one) { return name(one); });
    if (kind == kinds.end()) {
      return fail(Code::invalid_value,
                  fmt::format("--type: '{}' is not a type of record", escaped(text, Escape::line)),
                  "raw, asset, account or transact");
    }
    look.types |= 1u << static_cast<unsigned>(*kind);
  }
  return look;
}

Outcome read(Context& context, bool with_filters, const Wanted& wanted) {
  const Look look = TRY(read_look(context, with_filters));
  const auto client =
      wanted.follow ? TRY(connect_endless(context)) : TRY(connect(context, Deadline::streaming));
  ClusterNames names(*client, wanted.freshness);
  const RecordPrinter printer(look.form, look.decode);
  const auto render = [&](const DecidedRecord& record) -> Checked<std::optional<std::string>> {
    const RecordView view = view_record(record.bytes);
    if (view.kind < 32 && (look.types >> view.kind & 1) == 0) return std::nullopt;
    if (look.as_tx) {
      if (view.kind != static_cast<uint8_t>(Kind::transact) || record.duplicate) {
        return std::nullopt;
      }
      const TxRow row = tx_row(record);
      return context.json() ? tx_json(row, names, false) + "\n" : tx_lines(row, names);
    }
    // Who wrote a refused raw record was told that it does not count.
    const bool raw = view.kind == static_cast<uint8_t>(Kind::raw);
    if (!look.refused && (record.duplicate || (raw && !record.counts()))) return std::nullopt;
    RecordRow row{.offset = record.offset,
                  .term = record.term,
                  .recorded = record.recorded,
                  .record = record.bytes};
    if (look.refused) row.verdict = record.verdict();
    return printer.print(row);
  };
  return stream_records(context, *client, wanted, look.as_tx, render);
}

}  // namespace

Checked<RecordPrinter::Form> form_of(const Context& context) {
  using Form = RecordPrinter::Form;
  const bool values = context.args.has("--values");
  const bool zero = context.args.has("-0");
  if (!values && !zero) return context.json() ? Form::json : Form::text;
  if (context.settings.json_by_flag) {
    return fail(Code::usage,
                fmt::format("{} and -o json exclude each other", zero ? "-0" : "--values"),
                "keep one of them");
  }
  return zero ? Form::values_zero : Form::values;
}

Outcome log_read(Context& context) {
  return read(context, true, TRY(read_wanted(context, true)));
}

Outcome log_tail(Context& context) {
  Wanted wanted;
  wanted.last = TRY(parse_count("-n", context.args.value("-n").value_or("10")));
  wanted.follow = context.args.has("--follow");
  return read(context, false, wanted);
}

}  // namespace ledger::cli
