// ledgerctl replay: keep a database equal to the log.
#include "sql/replay.h"

#include <fmt/format.h>
#include <poll.h>

#include "build_info.h"
#include "cli/json.h"
#include "cli/signals.h"
#include "cli/text.h"
#include "cluster.h"
#include "cluster_source.h"
#include "history/directory_source.h"
#include "nouns.h"
#include "offline.h"
#include "sql/open.h"
#include "sql/verify.h"
#include "watched_target.h"

namespace ledger::cli {
namespace {

/// Where decided records come from, with all that must live as long.
struct Origin {
  std::unique_ptr<rpc::Client> client;  ///< Of a cluster.
  std::unique_ptr<LogPath> path;        ///< Of a data directory.
  std::unique_ptr<history::Source> source;

  /// A failure, with the addresses that were tried.
  Failure failure(Error error) const {
    return client ? with_tried(std::move(error), *client) : located(*path, std::move(error));
  }
};

Checked<Origin> open_origin(Context& context, bool follow) {
  Origin origin;
  if (const auto directory = context.args.value("--data-dir")) {
    origin.path = std::make_unique<LogPath>(TRY(open_path(*directory)));
    if (origin.path->is_file()) {
      return fail(Code::usage, fmt::format("--data-dir: {} is a file", *directory),
                  "name a node's data directory");
    }
    auto source = history::DirectorySource::open(*origin.path->disk, is_single_voter);
    if (!source) return tl::unexpected(located(*origin.path, std::move(source).error()));
    origin.source = *std::move(source);
    return origin;
  }
  origin.client =
      follow ? TRY(connect_endless(context)) : TRY(connect(context, Deadline::streaming));
  const rpc::NodeStatus status = TRY(asked(*origin.client, origin.client->status()));
  origin.source = std::make_unique<ClusterSource>(*origin.client, status.cluster,
                                                  context.args.value("--name").value_or("default"));
  return origin;
}

/// How the target on the line is opened.
Checked<sql::Opening> opening_of(Context& context, bool write) {
  sql::Opening opening = TRY(sql::parse_target(context.args.arguments()[0],
                                               context.args.value("--schema").value_or("ledger")));
  opening.write = write;
  if (const auto limit = context.settings.timeout(Deadline::ordinary)) {
    opening.connect_timeout = *limit;
  } else {
    opening.connect_timeout = Duration(0);
  }
  opening.now = [] { return io::SystemClock().now(); };
  opening.debug = [&report = context.report](std::string_view text) { report.debug(text, 2); };
  return opening;
}

/// A server that falls silent is given up after the command's deadline. SQLite has no server.
Result<std::unique_ptr<sql::Target>> open_target(Context& context, const sql::Opening& opening) {
  std::unique_ptr<sql::Target> target = TRY(sql::open_target(opening, build::driver_directory));
  const std::optional<Duration> limit = context.settings.timeout(context.command.deadline);
  if (!opening.postgres || !limit) return target;
  return std::make_unique<WatchedTarget>(
      std::move(target), *limit,
      [&report = context.report](const std::string& text) { report.debug(text); });
}

// ---- replay run ----

Checked<std::optional<sql::Position>> position_of(Context& context, std::string_view flag,
                                                  history::Source& source) {
  const std::optional<std::string> text = context.args.value(flag);
  if (!text) return std::nullopt;
  const Position position = TRY(parse_position(flag, *text, io::SystemClock().wall()));
  using Kind = Position::Kind;
  switch (position.kind) {
    case Kind::offset:
      return sql::Position(Offset(position.number));
    case Kind::start:
      return sql::Position(Offset(0));
    case Kind::time:
      return sql::Position(position.time);
    case Kind::end:
    case Kind::before_end:
      break;
  }
  const Offset end = TRY(source.end());
  return sql::Position(end - std::min(end.value, position.number));
}

Checked<sql::Job> job_of(Context& context, history::Source& source) {
  const Args& args = context.args;
  sql::Job job;
  job.name = args.value("--name").value_or("default");
  job.from = TRY(position_of(context, "--from", source));
  job.to = TRY(position_of(context, "--to", source));
  job.follow = args.has("--follow");
  job.rebuild = args.has("--rebuild");
  job.raw = args.has("--raw");
  job.batch_records = TRY(parse_count("--batch", args.value("--batch").value_or("10000"), 1000000));
  if (job.batch_records == 0) {
    return fail(Code::invalid_value, "--batch: '0' is no batch", "at least 1");
  }
  if (const auto text = args.value("--sqlite-amounts")) {
    const std::string form = TRY(parse_choice("--sqlite-amounts", *text, "integer|text"));
    job.amounts = form == "text" ? sql::Amounts::text : sql::Amounts::integer;
  }
  job.stop = [] { return stop_signal() != 0; };
  job.now = [] { return io::SystemClock().now(); };
  job.again = [&context](const Error& error) {
    context.report.warning(fmt::format("{}: trying again", error.message));
    pollfd wait{stop_descriptor(), POLLIN, 0};
    poll(&wait, 1, 1000);
    return stop_signal() == 0;
  };
  return job;
}

Result<void> check_flags(const Args& args) {
  const auto exclude = [&](const char* one, const char* other) -> Result<void> {
    if (!args.has(one) || !args.has(other)) return {};
    return fail(Code::usage, fmt::format("{} and {} exclude each other", one, other),
                "keep one of them");
  };
  TRY(exclude("--follow", "--to"));
  TRY(exclude("--follow", "--data-dir"));
  TRY(exclude("--follow", "--verify"));
  TRY(exclude("--follow", "--dry-run"));
  if (args.has("--rebuild") && !args.has("--yes") && !args.has("--dry-run")) {
    return fail(Code::confirm_required, "this drops what the target holds", "repeat with --yes");
  }
  return {};
}

Outcome print_plan(Context& context, const sql::Plan& plan) {
  if (!context.json()) {
    for (const std::string& step : plan.steps) TRY(context.out.line(step));
    return 0;
  }
  std::vector<std::string> steps;
  for (const std::string& step : plan.steps) steps.push_back(json::quote(step));
  TRY(context.out.line(json::Object("plan")
                           .add("job", "replay")
                           .add("ok", true)
                           .add_json("steps", json::array(steps))
                           .add("from", plan.from)
                           .add("to", plan.to)
                           .add("count", plan.to.value - std::min(plan.from, plan.to).value)
                           .text()));
  return 0;
}

Result<void> print_summary(Context& context, const sql::Summary& summary, Duration elapsed,
                           std::optional<bool> verified) {
  const double seconds = std::max(static_cast<double>(elapsed.count()) / 1e9, 1e-6);
  const auto per_second = static_cast<uint64_t>(static_cast<double>(summary.count) / seconds);
  if (!context.json()) {
    return context.out.line(fmt::format(
        "applied {} records, next offset {}, {}, {}/s{}", summary.count, summary.next_offset.value,
        seconds_text(elapsed), per_second, verified.value_or(false) ? ", verified" : ""));
  }
  return context.out.line(
      json::Object("summary")
          .add("job", "replay")
          .add("count", summary.count)
          .add("next_offset", summary.next_offset)
          .add("elapsed_ms", std::chrono::duration_cast<std::chrono::milliseconds>(elapsed).count())
          .add("per_second", per_second)
          .add_if("verified", verified)
          .text());
}

// ---- replay verify ----

std::string difference_json(const sql::Difference& difference) {
  json::Object object("check");
  object.add("check", "replay")
      .add("status", "differs")
      .add("code", name(Code::differs))
      .add("detail", difference.text())
      .add("table", difference.table)
      .add("key", difference.key);
  if (!difference.column.empty()) object.add("column", difference.column);
  return object.add("log", difference.log).add("replica", difference.replica).text();
}

/// Compares, telling each difference; the rows themselves go to stdout.
Checked<sql::Report> compare(Context& context, history::Source& source, bool fast) {
  const sql::Opening opening = TRY(opening_of(context, false));
  const auto target = TRY(open_target(context, opening));
  sql::Check check;
  check.name = context.args.value("--name").value_or("default");
  check.fast = fast;
  check.stop = [] { return stop_signal() != 0; };
  check.progress = [&](const sql::Progress& progress) {
    context.report.progress({.job = "verify",
                             .name = check.name,
                             .done = progress.done,
                             .total = progress.total.value_or(0)},
                            0);
  };
  Result<void> printed;
  check.differs = [&](const sql::Difference& difference) {
    if (!printed) return;
    printed = context.out.line(context.json() ? difference_json(difference)
                                              : escaped(difference.text(), Escape::line));
  };
  const sql::Report report = TRY(sql::verify(*target, source, check));
  context.report.end_progress();
  TRY(std::move(printed));
  return report;
}

std::string count_text(uint64_t differences) {
  return fmt::format("{} difference{}", differences, differences == 1 ? "" : "s");
}

Failure differs(const sql::Report& report, const std::string& target) {
  return Error{Code::differs,
               fmt::format("{}: {} from the log", target, count_text(report.differences)),
               "ledgerctl replay run --rebuild --yes makes it anew"};
}

Outcome verify(Context& context) {
  catch_stop_signals();
  const Origin origin = TRY(open_origin(context, false));
  Checked<sql::Report> report = compare(context, *origin.source, context.args.has("--fast"));
  if (!report) return tl::unexpected(origin.failure(std::move(report).error()));
  if (report->stopped) return 128 + stop_signal();
  if (report->differences > 0) {
    if (!context.json()) {
      TRY(context.out.line(count_text(report->differences)));
    }
    return tl::unexpected(differs(*report, TRY(opening_of(context, false)).display));
  }
  const std::string counts =
      fmt::format("{} records, {} accounts", report->records, report->accounts);
  TRY(context.out.line(context.json() ? json::Object("check")
                                            .add("check", "replay")
                                            .add("status", "ok")
                                            .add("detail", counts)
                                            .text()
                                      : "ok " + counts));
  return 0;
}

Outcome run(Context& context) {
  TRY(check_flags(context.args));
  catch_stop_signals();
  const Origin origin = TRY(open_origin(context, context.args.has("--follow")));
  sql::Job job = TRY(job_of(context, *origin.source));
  const bool dry = context.args.has("--dry-run");
  sql::Opening opening = TRY(opening_of(context, !dry));
  opening.name = job.name;
  opening.create = !dry;
  job.open = [&context, opening] { return open_target(context, opening); };
  if (dry) {
    Result<sql::Plan> plan = sql::plan(*origin.source, job);
    if (!plan) return tl::unexpected(origin.failure(std::move(plan).error()));
    return print_plan(context, *plan);
  }
  job.progress = [&](const sql::Progress& progress) {
    context.report.progress({.job = "replay",
                             .name = job.name,
                             .done = progress.done,
                             .total = progress.total.value_or(0)},
                            0);
  };
  io::SystemClock clock;
  const Instant begin = clock.now();
  Result<sql::Summary> summary = sql::run(*origin.source, job);
  context.report.end_progress();
  if (!summary) return tl::unexpected(origin.failure(std::move(summary).error()));
  const Duration elapsed = clock.now() - begin;

  std::optional<sql::Report> report;
  if (context.args.has("--verify") && !summary->stopped) {
    Checked<sql::Report> compared = compare(context, *origin.source, false);
    if (!compared) return tl::unexpected(origin.failure(std::move(compared).error()));
    report = *compared;
  }
  const bool verified = report && !report->stopped && report->differences == 0;
  TRY(print_summary(context, *summary, elapsed,
                    context.args.has("--verify") ? std::optional(verified) : std::nullopt));
  if (report && report->differences > 0) return tl::unexpected(differs(*report, opening.display));
  if (stop_signal() == 0 || job.follow) return 0;
  return 128 + stop_signal();
}

// ---- replay status ----

/// How far the cluster is ahead; nothing where it does not answer, or is another one.
std::optional<uint64_t> lag_of(Context& context, const sql::Watermark& mark) {
  const auto client = connect(context, Deadline::ordinary);
  if (!client) return std::nullopt;
  const Result<rpc::NodeStatus> status = (*client)->status();
  if (!status || status->cluster != mark.cluster) return std::nullopt;
  const Result<Offset> end = (*client)->end({});
  if (!end || *end < mark.next_offset) return std::nullopt;
  return *end - mark.next_offset;
}

std::string hex(const std::array<uint8_t, 32>& digest) {
  std::string text;
  for (const uint8_t byte : digest) text += fmt::format("{:02x}", byte);
  return text;
}

Outcome status(Context& context) {
  const sql::Opening opening = TRY(opening_of(context, false));
  const auto target = TRY(open_target(context, opening));
  const sql::Watermark mark = TRY(sql::status(*target));
  const std::optional<uint64_t> lag = lag_of(context, mark);
  if (context.json()) {
    TRY(context.out.line(json::Object("replay")
                             .add("name", mark.name)
                             .add("target", opening.display)
                             .add("cluster_id", mark.cluster)
                             .add("first_offset", mark.first_offset)
                             .add("next_offset", mark.next_offset)
                             .add("lag", lag)
                             .add("age_ms", mark.age_ms)
                             .add("schema_version", mark.schema_version)
                             .add_json("log_root", "null")
                             .add("state_digest", hex(mark.state_digest))
                             .text()));
    return 0;
  }
  Table table({"NAME", "CLUSTER", "NEXT", "LAG", "AGE", "SCHEMA"});
  table.add({mark.name, mark.cluster.text(), std::to_string(mark.next_offset.value),
             lag ? std::to_string(*lag) : "",
             seconds_text(std::chrono::milliseconds(std::max<int64_t>(mark.age_ms, 0))),
             std::to_string(mark.schema_version)});
  TRY(context.out.print(table.text(context.out.width())));
  return 0;
}

const Flag schema_flag = {"--schema", "NAME",
                          "PostgreSQL: the schema that holds it (default ledger)"};
const Flag name_flag = {"--name", "NAME", "label of the projection, checked (default default)"};
const Flag directory_flag = {"--data-dir", "DIR",
                             "read a node's data directory instead of a cluster"};

Command run_command() {
  return {
      .path = "replay run",
      .summary = "Apply the log to a database, exactly once",
      .synopsis =
          "TARGET [--name NAME] [--schema NAME] [--from POS] [--to POS] [--follow] "
          "[--data-dir DIR] [--batch N] [--verify] [--dry-run] [--rebuild --yes] "
          "[--sqlite-amounts integer|text] [--raw]",
      .examples = {"ledgerctl replay run sqlite:books.db --verify",
                   "ledgerctl replay run 'postgresql:///books' --follow",
                   "ledgerctl replay run sqlite:march.db --to @2026-04-01"},
      .flags = {name_flag,
                schema_flag,
                {"--from", "POS", "first record with rows, for an empty target"},
                {"--to", "POS", "position after the last one (default end)"},
                {"--follow", "", "go on with what is appended; SIGINT and SIGTERM exit 0"},
                directory_flag,
                {"--batch", "N", "records a transaction (default 10000)"},
                {"--verify", "", "afterwards compare every row with the log"},
                {"--dry-run", "", "the checks and the plan; nothing is created"},
                {"--rebuild", "", "drop what is there and replay from the start"},
                {"--yes", "", "needed for --rebuild"},
                {"--sqlite-amounts", "integer|text",
                 "a new SQLite file: 64-bit integers (default) or text of any size"},
                {"--raw", "", "a new target: also keep raw records, in the table records"}},
      .arguments = {"TARGET", 1, 1},
      .exits = {{1, "differs, replica_changed"},
                {65, "row_refused, amount_too_large, corrupt_segment"},
                {66, "no such directory; out_of_range"},
                {73, "replay_locked: another replay writes this target"},
                {74, "the disk failed or is full"},
                {77, "the database or a file may not be used"},
                {78, "database_mismatch, history_mismatch, schema_too_new, driver_missing"}},
      .notes =
          "TARGET is postgresql://… (a libpq URI) or sqlite:PATH. Rows and watermark move in one\n"
          "transaction, so a killed run goes on where it stood. SIGINT and SIGTERM finish the\n"
          "batch.",
      .deadline = Deadline::streaming,
      .run = run};
}

}  // namespace

Noun replay_noun() {
  return {
      "replay",
      "Keep a database equal to the log",
      {run_command(),
       {.path = "replay status",
        .summary = "Say how far a database is",
        .synopsis = "TARGET [--schema NAME]",
        .examples = {"ledgerctl replay status sqlite:books.db",
                     "ledgerctl replay status sqlite:books.db -o json | jq .lag"},
        .flags = {schema_flag},
        .arguments = {"TARGET", 1, 1},
        .exits = {{66, "no_such_replay: no replay in this target"},
                  {77, "the database or a file may not be read"},
                  {78, "database_mismatch, schema_too_new, driver_missing"}},
        .notes = "The lag is - where the cluster does not answer.",
        .target = Target::optional,
        .run = status},
       {.path = "replay verify",
        .summary = "Prove that a database holds what the log says, or name the rows that differ",
        .synopsis = "TARGET [--name NAME] [--schema NAME] [--fast] [--data-dir DIR]",
        .examples = {"ledgerctl replay verify sqlite:books.db",
                     "ledgerctl replay verify sqlite:books.db --data-dir ./n1"},
        .flags = {name_flag,
                  schema_flag,
                  {"--fast", "", "only assets, accounts, balances and the digest"},
                  directory_flag},
        .arguments = {"TARGET", 1, 1},
        .exits = {{1, "differs: the first hundred differences are printed"},
                  {65, "the log is damaged"},
                  {66, "no_such_replay"},
                  {78, "another cluster, history or schema"}},
        .deadline = Deadline::streaming,
        .run = verify}}};
}

}  // namespace ledger::cli
