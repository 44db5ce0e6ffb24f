// ledgerctl segment: inspect and repair files of the log, without a node.
#include <fmt/format.h>

#include "cli/json.h"
#include "cli/text.h"
#include "io/directory_lock.h"
#include "io/system_clock.h"
#include "log/damage.h"
#include "log/repair.h"
#include "log/verify.h"
#include "nouns.h"
#include "offline.h"
#include "segment_dump.h"

namespace ledger::cli {
namespace {

using log::SegmentReport;

struct Found {
  LogPath path;
  log::VerifyReport report;
};

/// `result`, or its error as one about the log at `path`.
template <class T>
Checked<T> at(const LogPath& path, Result<T> result) {
  if (!result) return tl::unexpected(located(path, std::move(result).error()));
  return *std::move(result);
}

Checked<Found> examine(const std::string& given, const log::VerifyOptions& options) {
  Found found{TRY(open_path(given)), {}};
  if (found.path.is_file()) {
    found.report.segments.push_back(
        TRY(at(found.path, log::verify_file(*found.path.disk, found.path.file))));
    return found;
  }
  found.report = TRY(at(found.path, log::verify(*found.path.disk, options)));
  for (SegmentReport& segment : found.report.segments) {
    // A node that is writing now leaves the same trace as one that crashed.
    if (found.path.running && segment.state == SegmentReport::State::torn) {
      segment.state = SegmentReport::State::open;
      segment.torn.reset();
    }
  }
  return found;
}

Offset end_of(const log::VerifyReport& report) {
  return report.segments.empty() ? Offset() : report.segments.back().next_offset;
}

// ---- segment stat ----

std::optional<Term> known(Term term) {
  return term.value == 0 ? std::nullopt : std::optional(term);
}

std::string segment_json(const LogPath& path, const SegmentReport& segment) {
  return json::Object("segment")
      .add("path", path.shown(segment.path))
      .add("first_offset", segment.first_offset)
      .add("next_offset", segment.next_offset)
      .add("records", segment.records)
      .add("entries", segment.entries)
      .add("bytes", segment.bytes)
      .add("term_min", known(segment.term_min))
      .add("term_max", known(segment.term_max))
      .add("oldest_at", segment.oldest)
      .add("newest_at", segment.newest)
      .add("state", name(segment.state))
      .text();
}

Outcome stat(Context& context) {
  Table table(
      {"SEGMENT", "FIRST", "NEXT", "RECORDS", "BYTES", "TERMS", "OLDEST", "NEWEST", "STATE"});
  for (const std::string& given : context.args.arguments()) {
    const Found found = TRY(examine(given, {}));
    for (const SegmentReport& segment : found.report.segments) {
      if (context.json()) {
        TRY(context.out.line(segment_json(found.path, segment)));
        continue;
      }
      const std::string low = std::to_string(segment.term_min.value);
      const std::string high = std::to_string(segment.term_max.value);
      table.add({found.path.shown(segment.path), std::to_string(segment.first_offset.value),
                 std::to_string(segment.next_offset.value), std::to_string(segment.records),
                 std::to_string(segment.bytes),
                 segment.term_max.value == 0 ? ""
                 : low == high               ? low
                                             : low + "-" + high,
                 segment.oldest ? local_time(*segment.oldest) : "",
                 segment.newest ? local_time(*segment.newest) : "",
                 std::string(name(segment.state))});
    }
    note_running(context, found.path, end_of(found.report));
  }
  if (!context.json()) TRY(context.out.print(table.text(context.out.width())));
  return 0;
}

// ---- segment verify ----

std::string crc(uint32_t value) {
  return fmt::format("{:08x}", value);
}

Result<void> print_damage(Context& context, const std::string& path, const log::Damage& damage,
                          uint64_t records) {
  if (!context.json()) {
    std::string line =
        fmt::format("corrupt  {}  {} records  {}", path, records, damage.error.message);
    return context.out.line(escaped(line, Escape::line));
  }
  json::Object object("check");
  object.add("check", "segment")
      .add("status", "corrupt")
      .add("code", name(damage.error.code))
      .add("detail", damage.error.message)
      .add("path", path)
      .add("position", damage.position)
      .add_if("offset", damage.offset);
  if (damage.stored_crc != damage.computed_crc) {
    object.add("stored_crc", crc(damage.stored_crc)).add("computed_crc", crc(damage.computed_crc));
  }
  return context.out.line(object.text());
}

Result<void> print_check(Context& context, const std::string& path, const SegmentReport& segment) {
  const bool torn = segment.torn.has_value();
  const std::string_view status = torn ? "torn" : segment.index_bad ? "warn" : "ok";
  if (!context.json()) {
    std::string line = fmt::format("{}  {}  {} records", status, path, segment.records);
    if (torn) {
      line += fmt::format("  {} bytes at byte {} are no whole entry", segment.torn->bytes,
                          segment.torn->position);
    }
    if (segment.index_bad) line += "  its .idx is missing or damaged";
    return context.out.line(escaped(line, Escape::line));
  }
  json::Object object("check");
  object.add("check", "segment").add("status", status);
  if (torn) object.add("code", name(Code::torn_tail));
  object.add("detail", segment.index_bad ? std::string("the .idx file is missing or damaged")
                                         : fmt::format("{} records", segment.records));
  object.add("path", path);
  if (torn) {
    object.add("position", segment.torn->position).add("offset", segment.torn->next_offset);
  }
  return context.out.line(object.text());
}

/// The worst of what was found is the exit code.
struct Worst {
  std::optional<Failure> corrupt;
  std::optional<Failure> torn;
  std::optional<Failure> index;
};

void judge(Worst& worst, const LogPath& path, const SegmentReport& segment) {
  if (!segment.damages.empty() && !worst.corrupt) {
    worst.corrupt = located(path, segment.damages[0].error);
  }
  if (segment.torn && !worst.torn) {
    worst.torn = torn_failure(path, *segment.torn);
  }
  if (segment.index_bad && !worst.index) {
    worst.index =
        Error{Code::differs,
              fmt::format("{}: the .idx file is missing or damaged", path.shown(segment.path)),
              "start the node: it is made again from the segment"};
  }
}

Outcome verify(Context& context) {
  const log::VerifyOptions options{.fast = context.args.has("--fast"),
                                   .index = context.args.has("--index")};
  Worst worst;
  for (const std::string& given : context.args.arguments()) {
    const Found found = TRY(examine(given, options));
    for (const SegmentReport& segment : found.report.segments) {
      const std::string path = found.path.shown(segment.path);
      for (const log::Damage& damage : segment.damages) {
        TRY(print_damage(context, path, damage, segment.records));
      }
      if (segment.damages.empty()) TRY(print_check(context, path, segment));
      judge(worst, found.path, segment);
    }
    for (const log::Damage& damage : found.report.others) {
      TRY(print_damage(context, found.path.shown(damage.path), damage, 0));
      if (!worst.corrupt) worst.corrupt = located(found.path, damage.error);
    }
    note_running(context, found.path, end_of(found.report));
  }
  for (std::optional<Failure>* failure : {&worst.corrupt, &worst.torn, &worst.index}) {
    if (*failure) return tl::unexpected(**failure);
  }
  return 0;
}

// ---- segment repair ----

json::Object& add_numbers(json::Object& object, const LogPath& path, const log::RepairPlan& plan) {
  if (!plan.path.empty()) {
    object.add("path", path.shown(plan.path)).add("position", plan.position);
  }
  return object.add("committed", plan.committed).add("bytes", plan.bytes);
}

Outcome print_plan(Context& context, const LogPath& path, const log::RepairPlan& plan) {
  if (!context.json()) {
    for (const std::string& step : plan.steps) TRY(context.out.line(step));
    if (plan.steps.empty()) TRY(context.out.line("nothing to do"));
    return 0;
  }
  std::vector<std::string> steps;
  for (const std::string& step : plan.steps) steps.push_back(json::quote(step));
  json::Object object("plan");
  object.add("job", "repair")
      .add("ok", true)
      .add_json("steps", json::array(steps))
      .add("count", plan.records);
  TRY(context.out.line(add_numbers(object, path, plan).text()));
  return 0;
}

Outcome print_summary(Context& context, const LogPath& path, const log::RepairPlan& plan,
                      Duration elapsed) {
  if (!context.json()) {
    if (plan.steps.empty()) {
      TRY(context.out.line("nothing to do"));
    } else {
      for (const std::string& step : plan.steps) TRY(context.out.line(step));
      TRY(context.out.line(fmt::format("repaired: {} records given up, next offset {}",
                                       plan.records, plan.next_offset.value)));
    }
    return 0;
  }
  json::Object object("summary");
  object.add("job", "repair").add("count", plan.records);
  if (!plan.steps.empty()) object.add("next_offset", plan.next_offset);
  object.add("elapsed_ms", std::chrono::duration_cast<std::chrono::milliseconds>(elapsed).count())
      .add("per_second", 0);
  TRY(context.out.line(add_numbers(object, path, plan).text()));
  return 0;
}

Outcome repair(Context& context) {
  std::optional<Offset> truncate_at;
  if (const auto text = context.args.value("--truncate-at")) {
    truncate_at = TRY(parse_offset("--truncate-at", *text));
  }
  const bool apply = context.args.has("--apply");
  if (apply && truncate_at && !context.args.has("--yes")) {
    return fail(Code::confirm_required,
                fmt::format("this gives up record {} and everything after it", truncate_at->value),
                "repeat with --yes");
  }
  LogPath path = TRY(open_path(context.args.arguments()[0]));
  if (path.is_file()) {
    return fail(Code::usage, fmt::format("{} is a file", path.given),
                "name the node's data directory: a repair writes its vote copies too");
  }
  TRY(open_scan(path, true));  // There is a log.
  if (!apply) {
    return print_plan(context, path, TRY(at(path, log::plan_repair(*path.disk, truncate_at))));
  }
  io::SystemClock clock;
  io::SystemRandom random;
  const io::DirectoryLock lock = TRY(io::DirectoryLock::take(path.given, clock.wall()));
  path.disk = TRY(io::PosixDisk::at(path.given, io::Access::write));
  const Instant begin = clock.now();
  const log::RepairPlan plan = TRY(at(path, log::plan_repair(*path.disk, truncate_at)));
  if (!plan.steps.empty()) TRY(log::repair(*path.disk, random, plan));
  return print_summary(context, path, plan, clock.now() - begin);
}

Command verify_command() {
  return {
      .path = "segment verify",
      .summary = "Check every byte of a log, and tell clean, torn and corrupt apart",
      .synopsis = "PATH… [--fast] [--index]",
      .examples = {"ledgerctl segment verify ./n1 || echo \"exit $?\"",
                   "ledgerctl segment verify ./n1 -o json | jq -r 'select(.status!=\"ok\")'"},
      .flags = {{"--fast", "", "only headers and the newest segment"},
                {"--index", "", "the .idx files too; they are made again at the next start"}},
      .arguments = {"PATH", 1, SIZE_MAX},
      .exits = {{1, "torn_tail: only what a crash left, or (with --index) a bad .idx"},
                {65, "corrupt_segment, offset_gap"},
                {66, "no such file, or no log there"},
                {77, "a file may not be read"}},
      .notes = "Of a single segment file, without its directory, only its own entries can testify.",
      .target = Target::none,
      .deadline = Deadline::none,
      .run = verify};
}

Command repair_command() {
  return {.path = "segment repair",
          .summary = "Say what there is to repair, and do it with --apply",
          .synopsis = "PATH [--apply] [--truncate-at OFFSET --yes]",
          .examples = {"ledgerctl segment repair ./n1", "ledgerctl segment repair ./n1 --apply",
                       "ledgerctl segment repair ./n1 --truncate-at 1187 --apply --yes"},
          .flags = {{"--apply", "", "do it; else the plan is printed"},
                    {"--truncate-at", "OFFSET", "give up this record and everything after it"},
                    {"--yes", "", "needed for --truncate-at with --apply"}},
          .arguments = {"PATH", 1, 1},
          .exits = {{65, "corrupt_segment: damage is cut at an explicit --truncate-at only"},
                    {66, "no such directory, or no log there; out_of_range"},
                    {73, "data_dir_locked: the node is running"},
                    {74, "the disk failed or is full"},
                    {77, "the directory may not be written"}},
          .notes =
              "What is cut is kept as NAME.cut-OFFSET. Where other nodes have the records, "
              "starting the\n"
              "node is better: its peers repair it.",
          .target = Target::none,
          .deadline = Deadline::none,
          .run = repair};
}

}  // namespace

Failure torn_failure(const LogPath& path, const log::TornTail& torn) {
  return located(path, Error{Code::torn_tail,
                             fmt::format("{} ends inside record {} ({} bytes at byte {})",
                                         path.shown(torn.path), torn.next_offset.value, torn.bytes,
                                         torn.position),
                             fmt::format("normal after a crash; start the node, or "
                                         "'ledgerctl segment repair {} --apply'",
                                         log::directory_hole)});
}

Noun segment_noun() {
  return {"segment",
          "Inspect and repair files of the log, without a node",
          {{.path = "segment stat",
            .summary = "Say what the segment files of a log hold",
            .synopsis = "PATH…",
            .examples = {"ledgerctl segment stat ./n1",
                         "ledgerctl segment stat ./n1 -o json | jq -s 'map(.records) | add'"},
            .arguments = {"PATH", 1, SIZE_MAX},
            .exits = {{66, "no such file, or no log there"}, {77, "a file may not be read"}},
            .target = Target::none,
            .deadline = Deadline::none,
            .run = stat},
           dump_command(),
           verify_command(),
           repair_command()}};
}

}  // namespace ledger::cli
