// ledgerctl bench: how fast a cluster is, here and now.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "bench_load.h"
#include "bench_require.h"
#include "cli/json.h"
#include "cli/signals.h"
#include "cli/text.h"
#include "cluster.h"
#include "nouns.h"
#include "throwaway.h"

namespace ledger::cli {
namespace {

constexpr uint64_t clients_max = 1024;
constexpr uint64_t nodes_max = 9;
constexpr uint64_t batch_max = 10'000;
/// How long a fresh cluster may take until it has a leader.
constexpr Duration formation_patience = std::chrono::seconds(30);
/// Rows of the plot at most, and the columns of its longest bar.
constexpr size_t plot_rows_max = 16;
constexpr size_t plot_columns = 50;

struct Options {
  std::string workload;
  Load load;
  uint64_t nodes = 1;
  std::vector<Requirement> requirements;
};

Result<uint64_t> count_of(const Context& context, std::string_view flag, uint64_t usual,
                          uint64_t max) {
  const std::optional<std::string> text = context.args.value(flag);
  if (!text) return usual;
  const uint64_t count = TRY(parse_count(flag, *text, max));
  if (count == 0) {
    return fail(Code::invalid_value, fmt::format("{}: 0 measures nothing", flag), "at least 1");
  }
  return count;
}

Result<Options> options_of(const Context& context) {
  const Args& args = context.args;
  Options options;
  options.workload = TRY(
      parse_choice("--workload", args.value("--workload").value_or("append"), "append|read|tx"));
  Load& load = options.load;
  load.kind = options.workload == "tx"     ? Load::Kind::tx
              : options.workload == "read" ? Load::Kind::read
                                           : Load::Kind::append;
  load.clients = TRY(count_of(context, "--clients", 8, clients_max));
  load.batch = TRY(count_of(context, "--batch", 1, batch_max));
  options.nodes = TRY(count_of(context, "--nodes", 1, nodes_max));
  if (const auto text = args.value("--size")) load.size = TRY(parse_size("--size", *text));
  if (load.size > raw_body_bytes_max) {
    return fail(Code::too_large,
                fmt::format("--size: {} bytes, at most {}", load.size, raw_body_bytes_max),
                "take less");
  }
  if (load.batch * (load.size + record_fixed_bytes + 16) > entry_bytes_max) {
    return fail(Code::too_large,
                fmt::format("--batch: {} records of {} bytes are more than one request may hold",
                            load.batch, load.size),
                fmt::format("a request holds {} bytes", entry_bytes_max));
  }
  if (args.has("--duration") && args.has("--count")) {
    return fail(Code::usage, "--duration and --count exclude each other", "keep one of them");
  }
  if (const auto text = args.value("--duration")) {
    load.duration = TRY(parse_duration("--duration", *text));
    if (load.duration == Duration(0)) {
      return fail(Code::invalid_value, "--duration: 0 measures nothing", "such as 10s");
    }
  }
  if (args.has("--count")) load.requests = TRY(count_of(context, "--count", 1, UINT32_MAX));
  if (args.has("--rate")) load.rate = TRY(count_of(context, "--rate", 1, 10'000'000));
  for (const std::string& text : args.values("--require")) {
    options.requirements.push_back(TRY(parse_requirement("--require", text)));
  }
  return options;
}

double ms(Duration duration) {
  return std::round(static_cast<double>(duration.count()) / 1e3) / 1e3;
}

/// What was measured, as people and `--require` name it.
struct Figures {
  double per_second = 0;
  double mb_per_second = 0;
  Duration p50, p90, p99, p999, max;
  uint64_t errors = 0;
  std::optional<double> cpu_us;  ///< Of a record, over all processes; where the nodes are ours.
};

Figures figures_of(const Measured& measured) {
  const double seconds = std::chrono::duration<double>(measured.elapsed).count();
  const auto quantile = [&](double q) {
    return std::min(measured.latency.quantile(q), measured.longest);
  };
  return {.per_second = static_cast<double>(measured.records) / seconds,
          .mb_per_second = static_cast<double>(measured.bytes) / seconds / 1e6,
          .p50 = quantile(0.5),
          .p90 = quantile(0.9),
          .p99 = quantile(0.99),
          .p999 = quantile(0.999),
          .max = measured.longest,
          .errors = measured.errors,
          .cpu_us = std::nullopt};
}

double value_of(const Figures& figures, Requirement::What what) {
  using What = Requirement::What;
  switch (what) {
    case What::p50:
      return ms(figures.p50);
    case What::p90:
      return ms(figures.p90);
    case What::p99:
      return ms(figures.p99);
    case What::p999:
      return ms(figures.p999);
    case What::max:
      return ms(figures.max);
    case What::per_second:
      return figures.per_second;
    case What::mb_per_second:
      return figures.mb_per_second;
    case What::errors:
      break;
  }
  return static_cast<double>(figures.errors);
}

std::string json_of(const Options& options, const Measured& measured, const Figures& figures,
                    bool ours) {
  const auto number = [](double value) { return fmt::format("{}", value); };
  json::Object row("summary");
  row.add("job", "bench")
      .add("count", measured.records)
      .add("elapsed_ms",
           std::chrono::duration_cast<std::chrono::milliseconds>(measured.elapsed).count())
      .add_json("per_second", number(std::round(figures.per_second)))
      .add("workload", options.workload)
      .add("clients", options.load.clients);
  if (ours) row.add("nodes", options.nodes);
  row.add("batch", options.load.batch)
      .add("requests", measured.latency.count())
      .add("errors", figures.errors)
      .add_json("mb_per_second", number(std::round(figures.mb_per_second * 1e3) / 1e3))
      .add_json("p50_ms", number(ms(figures.p50)))
      .add_json("p90_ms", number(ms(figures.p90)))
      .add_json("p99_ms", number(ms(figures.p99)))
      .add_json("p999_ms", number(ms(figures.p999)))
      .add_json("max_ms", number(ms(figures.max)));
  if (figures.cpu_us) row.add_json("cpu_us", number(std::round(*figures.cpu_us * 10) / 10));
  return row.text();
}

/// `412 µs`, `3.70 ms`, `1.24 s`
std::string duration_text(Duration duration) {
  const double us = static_cast<double>(duration.count()) / 1e3;
  const auto three = [](double value, std::string_view unit) {
    return fmt::format("{:.{}f} {}", value, value < 10 ? 2 : value < 100 ? 1 : 0, unit);
  };
  return us < 1000 ? three(us, "µs") : us < 1e6 ? three(us / 1e3, "ms") : three(us / 1e6, "s");
}

/// A bar of at most `plot_columns`, to an eighth of a column; something for whatever is not
/// nothing.
std::string bar(double part) {
  static constexpr const char* eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const auto count =
      std::max<size_t>(part > 0 ? 1 : 0, static_cast<size_t>(std::lround(part * plot_columns * 8)));
  std::string text;
  for (size_t i = 0; i < count / 8; ++i) text += "█";
  return text + eighths[count % 8];
}

/// How latencies are spread: one line a range, each range a little wider than the one before.
std::string plot(const Histogram& latency) {
  size_t first = 0;
  size_t end = Histogram::buckets;
  while (first < end && latency.in_bucket(first) == 0) ++first;
  while (end > first && latency.in_bucket(end - 1) == 0) --end;
  size_t width = 2;  // Buckets of a row.
  while ((end - first + width - 1) / width > plot_rows_max) width *= 2;
  std::vector<std::pair<size_t, uint64_t>> rows;
  uint64_t most = 1;
  for (size_t at = first / width * width; at < end; at += width) {
    uint64_t count = 0;
    for (size_t i = at; i < std::min(at + width, Histogram::buckets); ++i)
      count += latency.in_bucket(i);
    rows.emplace_back(std::min(at + width, Histogram::buckets) - 1, count);
    most = std::max(most, count);
  }
  std::string text;
  for (const auto& [last, count] : rows) {
    const double part = static_cast<double>(count) / static_cast<double>(latency.count());
    const std::string line =
        fmt::format("< {:>8}  {:>5.1f} %  {}", duration_text(Histogram::bounds(last).second),
                    100 * part, bar(static_cast<double>(count) / static_cast<double>(most)));
    text += line + "\n";
  }
  return text;
}

std::string text_of(const Options& options, const Measured& measured, const Figures& figures) {
  std::vector<std::string> header = {"WORKLOAD", "CLIENTS", "OPS/S", "MB/S", "P50",
                                     "P90",      "P99",     "P99.9", "MAX",  "ERRORS"};
  std::vector<std::string> cells = {options.workload,
                                    std::to_string(options.load.clients),
                                    fmt::format("{:.0f}", figures.per_second),
                                    fmt::format("{:.2f}", figures.mb_per_second),
                                    duration_text(figures.p50),
                                    duration_text(figures.p90),
                                    duration_text(figures.p99),
                                    duration_text(figures.p999),
                                    duration_text(figures.max),
                                    std::to_string(figures.errors)};
  if (figures.cpu_us) {
    header.emplace_back("CPU/OP");
    cells.push_back(fmt::format("{:.1f} µs", *figures.cpu_us));
  }
  Table table(std::move(header));
  table.add(std::move(cells));
  return table.text(0) + "\n" + plot(measured.latency);
}

/// The first requirement that was missed, if any was.
Checked<void> hold(const std::vector<Requirement>& requirements, const Figures& figures) {
  for (const Requirement& requirement : requirements) {
    const double value = value_of(figures, requirement.what);
    if (requirement.holds(value)) continue;
    return fail(Code::required_missed,
                fmt::format("{} {}, required {}", requirement.name(), requirement.text(value),
                            requirement.bound_text()),
                "measure again on a quiet machine, or see 'ledgerctl log status'");
  }
  return {};
}

Outcome bench(Context& context) {
  const Options options = TRY(options_of(context));
  const bool ours = !context.settings.endpoints_given;
  if (!ours && !context.args.has("--yes")) {
    return fail(
        Code::confirm_required,
        fmt::format("this puts load and records on {}", context.settings.endpoints[0].text()),
        "repeat with --yes, or take the endpoint away: then a throw-away cluster is used");
  }
  if (!ours && context.args.has("--nodes")) {
    return fail(Code::usage, "--nodes is about a throw-away cluster, but an endpoint is given",
                "leave one of them out");
  }
  catch_stop_signals();
  std::unique_ptr<Throwaway> cluster;
  std::vector<std::string> endpoints;
  if (ours) {
    cluster = TRY(Throwaway::start("/proc/self/exe", options.nodes));
    endpoints = cluster->endpoints();
  } else {
    for (const Endpoint& endpoint : context.settings.endpoints)
      endpoints.push_back(endpoint.text());
  }
  const auto limit = context.settings.timeout(Deadline::streaming);
  const rpc::Patience patience{limit ? rpc::Patience::Kind::progress : rpc::Patience::Kind::endless,
                               limit.value_or(formation_patience)};
  const auto client =
      TRY(rpc::Client::create({.endpoints = endpoints, .patience = patience, .verbose = {}}));
  const Checked<void> prepared = prepare(options.load, *client);
  if (!prepared) {
    if (cluster) TRY(cluster->check());
    return tl::unexpected(prepared.error());
  }
  const double cpu_before = ours ? own_cpu_seconds() + cluster->cpu_seconds() : 0;
  const Measured measured = TRY(measure(context, options.load, endpoints, patience));
  Figures figures = figures_of(measured);
  if (ours && measured.records > 0) {
    figures.cpu_us = (own_cpu_seconds() + cluster->cpu_seconds() - cpu_before) * 1e6 /
                     static_cast<double>(measured.records);
  }
  if (measured.first_error) {
    context.report.warning(fmt::format("{} requests failed, the first with: {}", measured.errors,
                                       measured.first_error->message));
  }
  if (context.json()) {
    TRY(context.out.line(json_of(options, measured, figures, ours)));
  } else if (measured.records > 0) {
    TRY(context.out.print(text_of(options, measured, figures)));
  }
  if (stop_signal() != 0) return 128 + stop_signal();
  TRY(hold(options.requirements, figures));
  return 0;
}

}  // namespace

Noun bench_noun() {
  return {
      "bench",
      "Measure how fast a cluster is",
      {{.path = "bench",
        .summary = "Measure throughput and latency of a cluster, by default a throw-away one",
        .synopsis =
            "[--workload append|read|tx] [--clients N] [--duration DUR | --count N] [FLAGS]",
        .examples = {"ledgerctl bench", "ledgerctl bench --nodes 3 --clients 64 --workload tx",
                     "ledgerctl bench --require 'p99<20ms' --require 'errors=0' -o json",
                     "ledgerctl bench -e 10.0.0.1:17400 --rate 1000 --duration 1m --yes"},
        .flags = {{"--workload", "append|read|tx",
                   "append records, read them back by offset, or post transfers (default append)"},
                  {"--clients", "N",
                   "how many at a time, each over its own connection (default 8)"},
                  {"--size", "BYTES", "size of a record that is appended (default 256)"},
                  {"--batch", "N", "records of a request (default 1)"},
                  {"--duration", "DUR", "how long (default 10s)"},
                  {"--count", "N", "how many requests instead"},
                  {"--rate", "N",
                   "requests a second, each counted from when it was due (default: at once)"},
                  {"--nodes", "N", "size of the throw-away cluster (default 1)"},
                  {"--require", "EXPR", "exit 1 unless it holds: p99<20ms, ops/s>=10000, errors=0",
                   0, true},
                  {"--yes", "", "go on against a cluster that is not thrown away"}},
        .exits = {{1, "required_missed; not_ready: a node of the throw-away cluster ended"},
                  {130, "interrupted; what was measured is printed"}},
        .notes =
            "Without an endpoint, nodes are started over a temporary directory and stopped\n"
            "again. Percentiles are exact to 3 %. What can be required: p50 p90 p99 p99.9 max\n"
            "(durations), ops/s, MB/s, errors; by < <= > >= =.",
        .target = Target::optional,
        .deadline = Deadline::streaming,
        .run = bench}}};
}

}  // namespace ledger::cli
